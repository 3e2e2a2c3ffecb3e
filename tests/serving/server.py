"""Serves an exported model as TensorFlow Serving does: gRPC Predict, REST predict and status.

    python server.py MODEL_DIRECTORY [--batching FILE]

Prints the gRPC and the REST port when it is ready, and ends with its standard input. It stands in
for `tensorflow_model_server`, which no package registry has: neither tfae nor Keras can be
imported here, warm-up requests are run first, and requests are batched by the scheduler that
TensorFlow Serving uses, with the parameters of its file.
"""

import argparse
import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# ruff: noqa: E402
BLOCKED = ("tfae", "keras")

sys.modules.update(dict.fromkeys(BLOCKED))  # importing them fails, and TensorFlow does without
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf import wrappers_pb2 as wrappers  # BatchingParameters is made of them
from tensorflow_serving.apis.predict_pb2 import PredictResponse
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)


def parse_batching(text):
    """The values of a batching parameters file, whose message the API package leaves out."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", syntax="proto3")
    file.dependency.append(wrappers.DESCRIPTOR.name)
    message = file.message_type.add(name="BatchingParameters")
    for number, (name, kind) in enumerate(
        {
            "max_batch_size": "Int64Value",
            "batch_timeout_micros": "Int64Value",
            "max_enqueued_batches": "Int64Value",
            "num_batch_threads": "Int64Value",
            "enable_large_batch_splitting": "BoolValue",
            "max_execution_batch_size": "Int64Value",
        }.items()
    ):
        field = message.field.add(name=name, number=number + 1)
        field.type, field.type_name = field.TYPE_MESSAGE, f".google.protobuf.{kind}"
        field.label = field.LABEL_OPTIONAL
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    parameters = message_factory.GetMessageClass(pool.FindMessageTypeByName(message.name))()
    text_format.Parse(text, parameters)
    return {field.name: value.value for field, value in parameters.ListFields()}


class Model:
    """The highest version in a directory."""

    def __init__(self, directory, batching=None):
        self.name = directory.name
        self.version = max(int(p.name) for p in directory.iterdir() if p.name.isdigit())
        folder = directory / str(self.version)
        self.loaded = tf.saved_model.load(str(folder))
        self.inputs, self.functions = {}, {}
        for name, function in self.loaded.signatures.items():
            self.inputs[name] = function.structured_input_signature[1]
            self.functions[name] = of_any_shape(name, function, batching)
        warm_up = folder / "assets.extra" / "tf_serving_warmup_requests"
        for record in tf.data.TFRecordDataset(str(warm_up)):
            request = PredictionLog.FromString(record.numpy()).predict_log.request
            inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            self.predict(request.model_spec.signature_name, inputs)

    def predict(self, signature, inputs):
        """Outputs by name; raises LookupError or ValueError for a request that does not fit."""
        signature = signature or "serving_default"
        if signature not in self.functions:
            raise LookupError(f'Serving signature name: "{signature}" not found in signature def')
        specs = self.inputs[signature]
        if set(inputs) != set(specs):
            raise ValueError(f"input keys {sorted(inputs)} instead of {sorted(specs)}")
        for name, array in inputs.items():
            if tf.as_dtype(array.dtype) != specs[name].dtype:
                raise ValueError(f"{name}: {array.dtype} instead of {specs[name].dtype.name}")
        outputs = self.functions[signature](**{k: tf.constant(v) for k, v in inputs.items()})
        return {name: tensor.numpy() for name, tensor in outputs.items()}


def of_any_shape(name, function, batching):
    """The function of a signature without the check of shapes that Python adds to it."""
    specs = function.structured_input_signature[1]
    names = sorted(function.structured_outputs)

    def call(*inputs):
        outputs = function(**dict(zip(specs, inputs, strict=True)))
        return [outputs[output] for output in names]

    if batching is not None:
        call = batched(call, batching)

    @tf.function(autograph=False)
    def named(*inputs):
        with tf.name_scope(name):  # the queue of a batch has the name of its scope
            return dict(zip(names, call(*inputs), strict=True))

    concrete = named.get_concrete_function(*(tf.TensorSpec(None, s.dtype) for s in specs.values()))
    return lambda **inputs: concrete(*(inputs[key] for key in specs))


def batched(function, parameters):
    """Joins the rows of concurrent calls."""
    return tf.nondifferentiable_batch_function(
        num_batch_threads=parameters.get("num_batch_threads", os.cpu_count()),
        max_batch_size=parameters["max_execution_batch_size"],
        batch_timeout_micros=parameters["batch_timeout_micros"],
        max_enqueued_batches=parameters["max_enqueued_batches"],
        autograph=False,
    )(function)


class Servicer(PredictionServiceServicer):
    def __init__(self, model):
        self.model = model

    def Predict(self, request, context):
        spec = request.model_spec
        version = spec.version.value or self.model.version
        if (spec.name, version) != (self.model.name, self.model.version):
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found: {spec.name} {version}")
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        try:
            outputs = self.model.predict(spec.signature_name, inputs)
        except (LookupError, ValueError, tf.errors.OpError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = PredictResponse()
        response.model_spec.CopyFrom(spec)
        response.model_spec.version.value = self.model.version
        for name, array in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(array))
        return response


def columns_of(instances):
    """The row format of a request in the column format."""
    if any(set(row) != set(instances[0]) for row in instances):
        raise ValueError("every instance must have the same inputs")
    return {name: [row[name] for row in instances] for name in instances[0]}


def text_of(array):
    """Strings of a tensor as JSON has them; other arrays as they are."""
    if array.dtype != object:
        return array
    return np.vectorize(lambda value: value.decode(), otypes=[object])(array)


def rest_handler(model):
    paths = [f"/v1/models/{model.name}", f"/v1/models/{model.name}/versions/{model.version}"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path not in paths:
                return self.answer(404, {"error": f"Not found: {self.path}"})
            status = {"error_code": "OK", "error_message": ""}
            version = {"version": str(model.version), "state": "AVAILABLE", "status": status}
            return self.answer(200, {"model_version_status": [version]})

        def do_POST(self):
            if self.path not in [f"{path}:predict" for path in paths]:
                return self.answer(404, {"error": f"Not found: {self.path}"})
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            signature = body.get("signature_name", "serving_default")
            try:
                by_row = "instances" in body
                given = columns_of(body["instances"]) if by_row else body["inputs"]
                inputs = {
                    name: np.array(value, model.inputs[signature][name].dtype.as_numpy_dtype)
                    for name, value in given.items()
                }
                outputs = model.predict(signature, inputs)
            except (LookupError, ValueError, tf.errors.OpError) as error:
                return self.answer(400, {"error": str(error)})
            lists = {name: text_of(array).tolist() for name, array in outputs.items()}
            single = len(lists) == 1
            if by_row:
                rows = [
                    dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)
                ]
                return self.answer(
                    200, {"predictions": next(iter(lists.values())) if single else rows}
                )
            return self.answer(200, {"outputs": next(iter(lists.values())) if single else lists})

        def answer(self, code, content):
            body = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--batching", type=Path)
    arguments = parser.parse_args()
    batching = parse_batching(arguments.batching.read_text()) if arguments.batching else None
    model = Model(arguments.directory.resolve(), batching)
    assert not any(map(sys.modules.get, BLOCKED))
    server = grpc.server(ThreadPoolExecutor(64))
    add_PredictionServiceServicer_to_server(Servicer(model), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    rest = ThreadingHTTPServer(("127.0.0.1", 0), rest_handler(model))
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    print(port, rest.server_port, flush=True)
    sys.stdin.read()  # until whoever started it is gone, however that ended
    server.stop(grace=1).wait()


if __name__ == "__main__":
    main()
