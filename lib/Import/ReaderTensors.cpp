// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors of an ONNX file: inline, in typed fields, or in external files. Every
// length is checked against the shape before a byte is read.

#include "Reader.h"
#include "Wire.h"

#include "onnx-ml.pb.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA1.h"

namespace lpu::importer {

/// A full-string decimal number that is not negative.
static std::optional<uint64_t> parseCount(const std::string &text) {
  int64_t value;
  if (llvm::StringRef(text).getAsInteger(10, value) || value < 0 ||
      text[0] == '+')
    return std::nullopt;
  return value;
}

namespace {
struct ExternalPlace {
  std::string location, checksum;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};
} // namespace

static std::optional<ExternalPlace>
readExternal(const onnx::TensorProto &tensor, std::string &reason) {
  ExternalPlace place;
  std::set<std::string> seen;
  for (const onnx::StringStringEntryProto &entry : tensor.external_data()) {
    const std::string &key = entry.key(), &value = entry.value();
    if (!seen.insert(key).second) {
      reason = "gives the external data key '" + key + "' twice";
      return std::nullopt;
    }
    if (key == "location") {
      place.location = value;
    } else if (key == "checksum") {
      place.checksum = value;
    } else if (key == "offset" || key == "length") {
      std::optional<uint64_t> number = parseCount(value);
      if (!number) {
        reason = "has the external data " + key + " '" + value +
                 "', which is not a number of bytes";
        return std::nullopt;
      }
      if (key == "offset")
        place.offset = *number;
      else
        place.length = number;
    } else {
      reason = "has the unknown external data key '" + key + "'";
      return std::nullopt;
    }
  }
  if (!seen.count("location")) {
    reason = "is external but names no location";
    return std::nullopt;
  }
  return place;
}

Value *Reader::fileTensor(const onnx::TensorProto &tensor, DType type,
                          DimsRef dims, const std::string &file,
                          llvm::StringRef bytes, uint64_t offset) {
  bool mayBeWeight = type == DType::F32 || type == DType::F16 ||
                     type == DType::I8 || type == DType::U8;
  bool reference = mayBeWeight && bytes.size() > options.limits.constantBytes;
  std::shared_ptr<const Tensor> elements;
  if (bytes.size() <=
      (mayBeWeight ? options.limits.knownBytes : options.limits.foldBytes))
    elements =
        std::make_shared<Tensor>(Tensor::fromBytes(type, dims, bytes.data()));
  if (elements && !reference)
    return builder.constant(*elements);
  std::string name =
      tensor.name().empty() ? builder.origin()->name : tensor.name();
  return builder.weight({name, file, offset, bytes.size()}, type, dims,
                        elements);
}

/// The elements of a typed field. Types of 16 bits and less share int32_data;
/// f16 is stored there as its bit pattern.
static bool readTyped(const onnx::TensorProto &tensor, Tensor &t) {
  auto ints = [&](const auto &field) {
    for (int64_t i = 0; i < t.size(); ++i) {
      if (t.type == DType::F16)
        t.floats[i] = halfValue(static_cast<uint16_t>(field.Get(i)));
      else
        t.setInt(i, static_cast<int64_t>(field.Get(i)));
    }
    return true;
  };
  auto floats = [&](const auto &field) {
    for (int64_t i = 0; i < t.size(); ++i)
      t.floats[i] = field.Get(i);
    return true;
  };
  switch (t.type) {
  case DType::F32:
    return tensor.float_data_size() == t.size() && floats(tensor.float_data());
  case DType::F64:
    return tensor.double_data_size() == t.size() &&
           floats(tensor.double_data());
  case DType::I64:
    return tensor.int64_data_size() == t.size() && ints(tensor.int64_data());
  case DType::U32:
  case DType::U64:
    return tensor.uint64_data_size() == t.size() && ints(tensor.uint64_data());
  default:
    return tensor.int32_data_size() == t.size() && ints(tensor.int32_data());
  }
}

Value *Reader::tensorValue(const onnx::TensorProto &tensor,
                           const std::string &what) {
  auto fail = [&](const llvm::Twine &reason) -> Value * {
    return builder.fail(what + " " + reason);
  };
  DType type = static_cast<DType>(tensor.data_type());
  if (tensor.data_type() < 1 || tensor.data_type() > 255 || !byteWidth(type))
    return fail("has the element type " + typeName(tensor.data_type()) +
                ", which is not supported");
  Dims dims(tensor.dims().begin(), tensor.dims().end());
  std::optional<int64_t> count = elementCount(dims);
  if (!count || *count > (int64_t(1) << 48))
    return fail("has the impossible shape " + dimsName(dims));
  uint64_t need = *count * byteWidth(type);
  if (tensor.has_segment())
    return fail("is stored in segments, which is not supported");

  int forms = tensor.has_raw_data() + (tensor.float_data_size() > 0) +
              (tensor.int32_data_size() > 0) + (tensor.int64_data_size() > 0) +
              (tensor.double_data_size() > 0) +
              (tensor.uint64_data_size() > 0) + (tensor.string_data_size() > 0);
  bool external = tensor.data_location() == onnx::TensorProto::EXTERNAL;
  if (forms + external > 1)
    return fail("stores its elements in more than one form");
  if (!external && tensor.external_data_size())
    return fail("has external data but is not marked as external");

  auto wrongLength = [&](uint64_t length) {
    return fail("has " + llvm::Twine(length) + " bytes, but " +
                shapeName(type, dims) + " needs " + llvm::Twine(need));
  };
  if (external) {
    std::string reason;
    std::optional<ExternalPlace> place = readExternal(tensor, reason);
    if (!place)
      return fail(reason);
    // All initializers of a model may share one file: a refusal is told once.
    bool isNode = !builder.origin()->op.empty();
    if (!isNode && refusedLocations.count(place->location))
      return nullptr;
    const DataFiles::File *data = dataFiles.open(place->location, reason);
    if (!data) {
      refusedLocations.insert(place->location);
      return fail("has the external data location '" + place->location +
                  "', which " + reason);
    }
    uint64_t size = data->buffer->getBufferSize();
    uint64_t rest = place->offset <= size ? size - place->offset : 0;
    // Without a length the tensor takes what it needs, as ONNX Runtime does.
    uint64_t length = place->length.value_or(need);
    if (place->offset > size || length > rest)
      return fail("lies outside its external file '" + place->location +
                  "': offset " + llvm::Twine(place->offset) + ", length " +
                  llvm::Twine(length) + ", file of " + llvm::Twine(size) +
                  " bytes");
    if (length != need)
      return wrongLength(length);
    llvm::StringRef bytes =
        data->buffer->getBuffer().substr(place->offset, need);
    if (!place->checksum.empty()) {
      auto digest = llvm::SHA1::hash(
          llvm::arrayRefFromStringRef(data->buffer->getBuffer()));
      if (!llvm::StringRef(place->checksum)
               .equals_insensitive(llvm::toHex(digest)))
        return fail("has a checksum that its external file '" +
                    place->location + "' does not have");
    }
    return fileTensor(tensor, type, dims, data->path, bytes, place->offset);
  }
  if (tensor.has_raw_data()) {
    std::optional<DataPlace> place = readPlace(tensor.raw_data());
    if (!place)
      return fail("has damaged raw data");
    if (place->length != need)
      return wrongLength(place->length);
    return fileTensor(tensor, type, dims, path,
                      file->getBuffer().substr(place->offset, need),
                      place->offset);
  }
  if (need > options.limits.foldBytes)
    return fail("has " + llvm::Twine(need) +
                " bytes in a typed field; store it as raw or external data");
  Tensor t(type, dims);
  if (!readTyped(tensor, t))
    return fail("does not hold the " + llvm::Twine(*count) + " elements of " +
                shapeName(type, dims));
  return builder.constant(t);
}

} // namespace lpu::importer
