// Loads an exported model as a server does, on TensorFlow's C API: no Python, no library of tfae.
//
//     conformance MODEL_DIRECTORY
//
// Checks, of the highest version: the names, types and batch axis of every signature; that the
// warm-up requests give the recorded answers; that a batch gives what its rows give alone; that
// eight threads at once get the same bits; and that inputs of other shapes are refused. Exits with 1
// at the first failure.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tensorflow/c/c_api.h"

namespace {

constexpr double kTolerance = 1e-5;  // relative to the largest value of a tensor
constexpr int kThreads = 8;
constexpr int kRepetitions = 5;
constexpr int64_t kRows = 17;

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "FAILED: %s\n", message.c_str());
  std::exit(1);
}

void Check(bool condition, const std::string& message) {
  if (!condition) Fail(message);
}

// ---------------------------------------------------------------------- protocol buffers

// The fields of a serialised message, by number; of varints the value, else the bytes.
struct Field {
  uint64_t varint = 0;
  std::string_view bytes;
};
using Message = std::multimap<int, Field>;

uint64_t ReadVarint(std::string_view& data) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    Check(!data.empty(), "a message ends in the middle of a number");
    const uint8_t byte = data[0];
    data.remove_prefix(1);
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  Fail("a message holds a number that is too long");
}

Message Parse(std::string_view data) {
  Message message;
  while (!data.empty()) {
    const uint64_t tag = ReadVarint(data);
    Field field;
    size_t size = 0;
    switch (tag & 7) {
      case 0: field.varint = ReadVarint(data); break;
      case 1: size = 8; break;
      case 2: size = ReadVarint(data); break;
      case 5: size = 4; break;
      default: Fail("a message has a field of unknown kind");
    }
    Check(size <= data.size(), "a message is cut short");
    field.bytes = data.substr(0, size);
    data.remove_prefix(size);
    message.emplace(static_cast<int>(tag >> 3), field);
  }
  return message;
}

Field First(const Message& message, int number) {
  const auto found = message.find(number);
  return found == message.end() ? Field() : found->second;
}

// A map field: entries with the key 1 and the value 2.
std::map<std::string, std::string_view> ParseMap(const Message& message, int number) {
  std::map<std::string, std::string_view> entries;
  const auto [begin, end] = message.equal_range(number);
  for (auto entry = begin; entry != end; ++entry) {
    const Message pair = Parse(entry->second.bytes);
    entries.emplace(First(pair, 1).bytes, First(pair, 2).bytes);
  }
  return entries;
}

// ---------------------------------------------------------------------- tensors

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using Tensor = std::shared_ptr<TF_Tensor>;
using Tensors = std::map<std::string, Tensor>;

Tensor Own(TF_Tensor* tensor) { return Tensor(tensor, DeleteTensor()); }

std::vector<int64_t> ShapeOf(const Tensor& tensor) {
  std::vector<int64_t> shape(TF_NumDims(tensor.get()));
  for (size_t i = 0; i < shape.size(); ++i) shape[i] = TF_Dim(tensor.get(), static_cast<int>(i));
  return shape;
}

Tensor Allocate(TF_DataType type, const std::vector<int64_t>& shape) {
  size_t bytes = TF_DataTypeSize(type);
  for (const int64_t size : shape) bytes *= size;
  return Own(TF_AllocateTensor(type, shape.data(), static_cast<int>(shape.size()), bytes));
}

Tensor FromProto(std::string_view proto) {
  const std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(),
                                                                      TF_DeleteStatus);
  const std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)> buffer(
      TF_NewBufferFromString(proto.data(), proto.size()), TF_DeleteBuffer);
  Tensor tensor = Allocate(TF_FLOAT, {0});
  TF_TensorFromProto(buffer.get(), tensor.get(), status.get());
  Check(TF_GetCode(status.get()) == TF_OK, TF_Message(status.get()));
  return tensor;
}

Tensor Row(const Tensor& tensor, int64_t row) {
  std::vector<int64_t> shape = ShapeOf(tensor);
  const size_t bytes = TF_TensorByteSize(tensor.get()) / shape[0];
  shape[0] = 1;
  Tensor result = Allocate(TF_TensorType(tensor.get()), shape);
  const char* source = static_cast<const char*>(TF_TensorData(tensor.get())) + row * bytes;
  std::memcpy(TF_TensorData(result.get()), source, bytes);
  return result;
}

std::vector<double> Values(const Tensor& tensor) {
  const int64_t count = TF_TensorElementCount(tensor.get());
  const void* data = TF_TensorData(tensor.get());
  std::vector<double> values(count);
  for (int64_t i = 0; i < count; ++i) {
    switch (TF_TensorType(tensor.get())) {
      case TF_FLOAT: values[i] = static_cast<const float*>(data)[i]; break;
      case TF_DOUBLE: values[i] = static_cast<const double*>(data)[i]; break;
      case TF_BOOL: values[i] = static_cast<const bool*>(data)[i]; break;
      case TF_INT32: values[i] = static_cast<const int32_t*>(data)[i]; break;
      case TF_INT64: values[i] = static_cast<double>(static_cast<const int64_t*>(data)[i]); break;
      default: Fail("an output is neither float32, float64, bool, int32 nor int64");
    }
  }
  return values;
}

void CheckClose(const std::vector<double>& given, const std::vector<double>& expected,
                const std::string& what) {
  Check(given.size() == expected.size(), what + " has another size");
  double largest = 0.0;
  for (const double value : expected) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < given.size(); ++i) {
    // Written so that NaN fails.
    Check(std::abs(given[i] - expected[i]) <= kTolerance * largest,
          what + " is " + std::to_string(given[i]) + " instead of " +
              std::to_string(expected[i]));
  }
}

void CheckIdentical(const Tensor& given, const Tensor& expected, const std::string& what) {
  Check(ShapeOf(given) == ShapeOf(expected) &&
            std::memcmp(TF_TensorData(given.get()), TF_TensorData(expected.get()),
                        TF_TensorByteSize(expected.get())) == 0,
        what + " has other bits");
}

// ---------------------------------------------------------------------- the model

struct Port {
  std::string tensor;
  TF_DataType type;
  std::vector<int64_t> shape;
};

struct Signature {
  std::map<std::string, Port> inputs, outputs;
};

std::map<std::string, Port> ParsePorts(const Message& signature, int number) {
  std::map<std::string, Port> ports;
  for (const auto& [name, bytes] : ParseMap(signature, number)) {
    const Message info = Parse(bytes);  // TensorInfo: name 1, dtype 2, tensor_shape 3
    Port port{std::string(First(info, 1).bytes),
              static_cast<TF_DataType>(First(info, 2).varint),
              {}};
    const Message shape = Parse(First(info, 3).bytes);  // dim 2, unknown_rank 3
    Check(First(shape, 3).varint == 0, name + " is of unknown rank");
    const auto [begin, end] = shape.equal_range(2);
    for (auto dim = begin; dim != end; ++dim) {
      port.shape.push_back(static_cast<int64_t>(First(Parse(dim->second.bytes), 1).varint));
    }
    ports.emplace(name, port);
  }
  return ports;
}

class Model {
 public:
  explicit Model(const std::string& folder) {
    const std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(),
                                                                        TF_DeleteStatus);
    const std::unique_ptr<TF_SessionOptions, decltype(&TF_DeleteSessionOptions)> options(
        TF_NewSessionOptions(), TF_DeleteSessionOptions);
    const std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)> meta_graph(TF_NewBuffer(),
                                                                            TF_DeleteBuffer);
    const char* const tags[] = {"serve"};
    session_ = TF_LoadSessionFromSavedModel(options.get(), nullptr, folder.c_str(), tags, 1,
                                            graph_, meta_graph.get(), status.get());
    Check(TF_GetCode(status.get()) == TF_OK, std::string("cannot load: ") +
                                                 TF_Message(status.get()));
    const Message message =
        Parse({static_cast<const char*>(meta_graph->data), meta_graph->length});
    for (const auto& [name, bytes] : ParseMap(message, 5)) {  // MetaGraphDef.signature_def
      if (name == "__saved_model_init_op") continue;
      const Message signature = Parse(bytes);
      signatures_[name] = {ParsePorts(signature, 1), ParsePorts(signature, 2)};
    }
  }

  const std::map<std::string, Signature>& signatures() const { return signatures_; }

  Tensors Run(const std::string& name, const Tensors& inputs) const {
    std::string message;
    const Tensors outputs = TryToRun(name, inputs, message);
    Check(message.empty(), name + ": " + message);
    return outputs;
  }

  // Gives the message of an error in the inputs, and fails on any other error.
  Tensors TryToRun(const std::string& name, const Tensors& inputs, std::string& message) const {
    const Signature& signature = signatures_.at(name);
    std::vector<TF_Output> fed, fetched;
    std::vector<TF_Tensor*> values;
    for (const auto& [input, port] : signature.inputs) {
      fed.push_back(Find(port));
      values.push_back(inputs.at(input).get());
    }
    for (const auto& [output, port] : signature.outputs) fetched.push_back(Find(port));
    std::vector<TF_Tensor*> results(fetched.size());
    const std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(),
                                                                        TF_DeleteStatus);
    TF_SessionRun(session_, nullptr, fed.data(), values.data(), static_cast<int>(fed.size()),
                  fetched.data(), results.data(), static_cast<int>(fetched.size()), nullptr, 0,
                  nullptr, status.get());
    message = TF_Message(status.get());
    Check(TF_GetCode(status.get()) == TF_OK || TF_GetCode(status.get()) == TF_INVALID_ARGUMENT,
          name + ": " + message);
    if (!message.empty()) return {};
    Tensors outputs;
    size_t i = 0;
    for (const auto& [output, port] : signature.outputs) outputs[output] = Own(results[i++]);
    return outputs;
  }

 private:
  TF_Output Find(const Port& port) const {
    const size_t colon = port.tensor.rfind(':');
    TF_Operation* operation =
        TF_GraphOperationByName(graph_, port.tensor.substr(0, colon).c_str());
    Check(operation != nullptr, "the graph has no " + port.tensor);
    return {operation, std::atoi(port.tensor.c_str() + colon + 1)};
  }

  TF_Graph* graph_ = TF_NewGraph();  // both live as long as the process
  TF_Session* session_;
  std::map<std::string, Signature> signatures_;
};

// ---------------------------------------------------------------------- the checks

using Names = std::vector<std::string>;

struct Contract {
  Names inputs, outputs;
  bool may_have_more = false;  // outputs
};

const std::map<std::string, Contract> kAutoencoder = {
    {"serving_default", {{"x"}, {"reconstruction"}}},
    {"reconstruct", {{"x"}, {"reconstruction"}}},
    {"encode", {{"x"}, {"code"}, true}},
    {"decode", {{"code"}, {"x"}}},
    {"score", {{"x"}, {"anomaly_score"}}},
};
const Contract kGenerate = {{"seed"}, {"x"}};  // of models that have a prior
const std::map<std::string, Contract> kClassifier = {
    {"serving_default", {{"x"}, {"class", "scores"}}},
    {"classify", {{"x"}, {"class", "scores"}}},
    {"encode", {{"x"}, {"code"}}},
};
const std::map<std::string, std::set<TF_DataType>> kTypes = {
    {"x", {TF_FLOAT, TF_DOUBLE, TF_UINT8}},
    {"code", {TF_FLOAT, TF_DOUBLE}},
    {"seed", {TF_INT64}},
    {"label", {TF_INT64}},
    {"class", {TF_INT64}},
    {"is_anomaly", {TF_BOOL}},
};
const std::set<TF_DataType> kNumbers = {TF_FLOAT, TF_DOUBLE, TF_INT32, TF_INT64};

void CheckPorts(const std::string& signature, const std::map<std::string, Port>& ports,
                const Names& required, bool may_have_more) {
  for (const std::string& name : required) {
    Check(ports.count(name) == 1, signature + " has no " + name);
  }
  for (const auto& [name, port] : ports) {
    Check(may_have_more || std::count(required.begin(), required.end(), name) > 0,
          signature + " has " + name + ", which is not in the contract");
    const auto types = kTypes.find(name);
    Check((types == kTypes.end() ? kNumbers : types->second).count(port.type) == 1,
          signature + ": " + name + " has type " + std::to_string(port.type));
    Check(!port.shape.empty() && port.shape[0] == -1,
          signature + ": " + name + " has no free batch");
  }
}

void CheckSignatures(const Model& model) {
  const bool classifies = model.signatures().count("classify") == 1;
  const auto& required = classifies ? kClassifier : kAutoencoder;
  for (const auto& [name, contract] : required) {
    Check(model.signatures().count(name) == 1, "there is no signature " + name);
  }
  for (const auto& [name, signature] : model.signatures()) {
    const auto found = required.find(name);
    const bool generates = !classifies && name == "generate";
    Check(found != required.end() || generates,
          "the signature " + name + " is not in the contract");
    const Contract& contract = generates ? kGenerate : found->second;
    Names inputs = contract.inputs;
    if (signature.inputs.count("label") == 1) inputs.push_back("label");  // of models with classes
    CheckPorts(name, signature.inputs, inputs, false);
    Names outputs = contract.outputs;
    const bool decides = name == "score" && signature.outputs.count("is_anomaly") == 1;
    if (decides) outputs.push_back("is_anomaly");  // of models with a fitted threshold
    CheckPorts(name, signature.outputs, outputs, contract.may_have_more);
  }
}

// TFRecord: length, its checksum, data, its checksum; the reader of a server checks the sums.
std::vector<std::string> ReadRecords(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Check(file.good(), "there is no " + path.string());
  std::vector<std::string> records;
  uint64_t size;
  while (file.read(reinterpret_cast<char*>(&size), sizeof size)) {
    std::string record(size, '\0');
    file.ignore(4);
    file.read(record.data(), static_cast<std::streamsize>(size));
    file.ignore(4);
    Check(file.good(), path.string() + " is cut short");
    records.push_back(std::move(record));
  }
  return records;
}

Tensors ParseTensors(const Message& message, int number) {
  Tensors tensors;
  for (const auto& [name, proto] : ParseMap(message, number)) tensors[name] = FromProto(proto);
  return tensors;
}

void ReplayWarmUp(const Model& model, const std::filesystem::path& file) {
  std::set<std::string> asked;
  const std::vector<std::string> records = ReadRecords(file);
  Check(records.size() <= 1000, "TensorFlow Serving takes 1000 warm-up requests at most");
  for (const std::string& record : records) {
    const Message log = Parse(First(Parse(record), 6).bytes);  // PredictionLog.predict_log
    const Message request = Parse(First(log, 1).bytes);
    const Message response = Parse(First(log, 2).bytes);
    const std::string name(First(Parse(First(request, 1).bytes), 3).bytes);
    Check(model.signatures().count(name) == 1, "the warm-up asks for " + name);
    const Tensors expected = ParseTensors(response, 1);
    const Tensors given = model.Run(name, ParseTensors(request, 2));
    Check(given.size() == expected.size(), name + " was recorded with other outputs");
    for (const auto& [output, tensor] : expected) {
      CheckClose(Values(given.at(output)), Values(tensor), "warm-up: " + name + "/" + output);
    }
    asked.insert(name);
  }
  for (const auto& [name, signature] : model.signatures()) {
    Check(name == "serving_default" || asked.count(name) == 1, "no warm-up of " + name);
  }
}

Tensors RandomInputs(const Signature& signature, int64_t rows, std::mt19937& random) {
  Tensors inputs;
  for (const auto& [name, port] : signature.inputs) {
    std::vector<int64_t> shape = port.shape;
    shape[0] = rows;
    for (int64_t& size : shape) size = size < 0 ? 64 : size;
    Tensor tensor = Allocate(port.type, shape);
    void* data = TF_TensorData(tensor.get());
    std::uniform_real_distribution<double> uniform(name == "code" ? -1.0 : 0.0, 1.0);
    for (int64_t i = 0; i < TF_TensorElementCount(tensor.get()); ++i) {
      const double value = uniform(random);
      switch (port.type) {
        case TF_FLOAT: static_cast<float*>(data)[i] = static_cast<float>(value); break;
        case TF_DOUBLE: static_cast<double*>(data)[i] = value; break;
        case TF_UINT8: static_cast<uint8_t*>(data)[i] = static_cast<uint8_t>(255 * value); break;
        default: static_cast<int64_t*>(data)[i] = name == "label" ? i % 2 : random();
      }
    }
    inputs[name] = tensor;
  }
  return inputs;
}

void CheckRowsAlone(const Model& model, const std::string& name, const Tensors& batch) {
  const Tensors together = model.Run(name, batch);
  for (int64_t row = 0; row < kRows; ++row) {
    Tensors inputs;
    for (const auto& [input, tensor] : batch) inputs[input] = Row(tensor, row);
    const Tensors alone = model.Run(name, inputs);
    for (const auto& [output, tensor] : together) {
      CheckClose(Values(alone.at(output)), Values(Row(tensor, row)),
                 name + "/" + output + " of row " + std::to_string(row) + " alone");
    }
  }
}

void CheckThreads(const Model& model, const std::string& name, const Tensors& batch) {
  const Tensors expected = model.Run(name, batch);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int repetition = 0; repetition < kRepetitions; ++repetition) {
        for (const auto& [output, tensor] : model.Run(name, batch)) {
          CheckIdentical(tensor, expected.at(output), name + "/" + output + " in a thread");
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// An input without its last axis, and with one more.
void CheckShapes(const Model& model, const std::string& name, const Tensors& batch) {
  for (const auto& [input, tensor] : batch) {
    std::vector<int64_t> fewer = ShapeOf(tensor), more = fewer;
    fewer.pop_back();
    more.push_back(1);
    for (const std::vector<int64_t>& shape : {fewer, more}) {
      Tensors inputs = batch;
      inputs[input] = Allocate(TF_TensorType(tensor.get()), shape);
      std::memset(TF_TensorData(inputs[input].get()), 0, TF_TensorByteSize(inputs[input].get()));
      std::string message;
      model.TryToRun(name, inputs, message);
      Check(message.find("is not compatible with expected shape") != std::string::npos &&
                message.find(input) != std::string::npos,
            name + " does not refuse another shape of " + input + ": " + message);
    }
  }
}

std::filesystem::path HighestVersion(const std::filesystem::path& directory) {
  int64_t highest = -1;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      highest = std::max<int64_t>(highest, std::atoll(name.c_str()));
    }
  }
  Check(highest >= 0, directory.string() + " has no version");
  return directory / std::to_string(highest);
}

void Print(const std::string& name, const std::map<std::string, Port>& ports) {
  std::printf(" %s", name.c_str());
  for (const auto& [port_name, port] : ports) {
    std::ostringstream shape;
    for (const int64_t size : port.shape) shape << (shape.tellp() ? ", " : "") << size;
    std::printf(" %s[%s]", port_name.c_str(), shape.str().c_str());
  }
}

}  // namespace

int main(int count, char** arguments) {
  Check(count == 2, "usage: conformance MODEL_DIRECTORY");
  const std::filesystem::path version = HighestVersion(arguments[1]);
  const Model model(version);
  std::printf("%s on TensorFlow %s\n", version.c_str(), TF_Version());
  CheckSignatures(model);
  ReplayWarmUp(model, version / "assets.extra" / "tf_serving_warmup_requests");
  std::mt19937 random(0);
  for (const auto& [name, signature] : model.signatures()) {
    const Tensors batch = RandomInputs(signature, kRows, random);
    CheckRowsAlone(model, name, batch);
    CheckThreads(model, name, batch);
    CheckShapes(model, name, batch);
    Print(name + ":", signature.inputs);
    Print("->", signature.outputs);
    std::printf("\n");
  }
  std::printf("passed\n");
  return 0;
}
