"""Asks TensorFlow Serving by gRPC for what the exporter asked, and compares the answers.

    python grpc_client.py [localhost:8500] [--version N]

It needs `tensorflow-serving-api` and nothing else, and lies in the folder `serving` of the model.
"""

import argparse
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

MODEL = Path(__file__).resolve().parents[1]


def predict(
    stub: PredictionServiceStub, version: int, signature: str, **inputs: np.ndarray
) -> dict[str, np.ndarray]:
    """Asks for a signature's answer to arrays whose first axis is the batch."""
    request = PredictRequest()
    request.model_spec.name = MODEL.name
    request.model_spec.version.value = version  # without it the highest that is served
    request.model_spec.signature_name = signature
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array))
    response = stub.Predict(request, timeout=10)
    return {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}


def main() -> None:
    """Asks everything and fails where an answer is not the expected one."""
    versions = [int(path.name) for path in MODEL.iterdir() if path.name.isdigit()]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", default="localhost:8500")
    parser.add_argument("--version", type=int, default=max(versions))
    arguments = parser.parse_args()
    file = MODEL / str(arguments.version) / "assets.extra" / "tf_serving_warmup_requests"
    with grpc.insecure_channel(arguments.address) as channel:
        stub = PredictionServiceStub(channel)
        for record in tf.data.TFRecordDataset(str(file)):
            log = PredictionLog.FromString(record.numpy()).predict_log
            signature = log.request.model_spec.signature_name
            inputs = {name: tf.make_ndarray(proto) for name, proto in log.request.inputs.items()}
            answer = predict(stub, arguments.version, signature, **inputs)
            for name, proto in log.response.outputs.items():
                expected = tf.make_ndarray(proto)
                if expected.dtype == object:  # text
                    np.testing.assert_array_equal(answer[name], expected)
                    continue
                scale = np.abs(expected).max()
                np.testing.assert_allclose(answer[name], expected, rtol=0, atol=1e-4 * scale)
            shapes = {name: array.shape for name, array in answer.items()}
            print(f"{signature}: {shapes} as expected")


if __name__ == "__main__":
    main()
