// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "Wire.h"

#include <cstring>
#include <vector>

namespace lpu::importer {

namespace {

enum class Message {
  Model,
  Graph,
  Node,
  Attribute,
  Tensor,
  Sparse,
  Function,
  Other
};

const char *messageName(Message m) {
  static const char *const names[] = {
      "ModelProto",  "GraphProto",        "NodeProto",     "AttributeProto",
      "TensorProto", "SparseTensorProto", "FunctionProto", "message"};
  return names[static_cast<int>(m)];
}

/// The messages on the way to tensors, by field number (onnx-ml.proto).
Message childOf(Message m, uint64_t field) {
  switch (m) {
  case Message::Model:
    return field == 7    ? Message::Graph
           : field == 25 ? Message::Function
                         : Message::Other;
  case Message::Graph:
    return field == 1    ? Message::Node
           : field == 5  ? Message::Tensor
           : field == 15 ? Message::Sparse
                         : Message::Other;
  case Message::Node:
    return field == 5 ? Message::Attribute : Message::Other;
  case Message::Attribute:
    return field == 5 || field == 10    ? Message::Tensor
           : field == 6 || field == 11  ? Message::Graph
           : field == 22 || field == 23 ? Message::Sparse
                                        : Message::Other;
  case Message::Sparse:
    return field == 1 || field == 2 ? Message::Tensor : Message::Other;
  case Message::Function:
    return field == 7    ? Message::Node
           : field == 11 ? Message::Attribute
                         : Message::Other;
  default:
    return Message::Other;
  }
}

constexpr uint64_t kDataType = 2, kFloatData = 4, kRawData = 9,
                   kDoubleData = 10;
constexpr uint64_t kTrainingInfo = 20;
constexpr unsigned kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5;

void putVarint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

void putBytes(std::string &out, uint64_t field, llvm::StringRef bytes) {
  putVarint(out, field << 3 | kBytes);
  putVarint(out, bytes.size());
  out.append(bytes.begin(), bytes.end());
}

class Walker {
public:
  Walker(llvm::StringRef file, unsigned maxDepth)
      : file(file), maxDepth(maxDepth) {}

  std::string reason;

  /// Appends the skeleton of the message in [at, end) of the file to `out`.
  bool walk(Message kind, uint64_t at, uint64_t end, unsigned depth,
            std::string &out) {
    if (depth > maxDepth)
      return fault(kind, at,
                   "messages are nested more than " + std::to_string(maxDepth) +
                       " deep");
    std::vector<DataPlace> runs; // of float_data or double_data
    uint64_t dataType = 0, runField = 0;
    bool hasRaw = false, mixed = false;
    while (at < end) {
      uint64_t start = at, key, value = 0;
      if (!varint(at, end, key))
        return fault(kind, start, "a field key is cut off or too long");
      uint64_t field = key >> 3;
      if (field == 0)
        return fault(kind, start, "field number 0 does not exist");
      switch (key & 7) {
      case kVarint:
        if (!varint(at, end, value))
          return fault(kind, start, "a number is cut off or too long");
        break;
      case kFixed64:
      case kFixed32: {
        uint64_t size = (key & 7) == kFixed64 ? 8 : 4;
        if (end - at < size)
          return fault(kind, start, "a number is cut off");
        at += size;
        break;
      }
      case kBytes:
        if (!varint(at, end, value))
          return fault(kind, start, "a length is cut off or too long");
        if (value > end - at)
          return fault(kind, start,
                       "field " + std::to_string(field) + " says " +
                           std::to_string(value) + " bytes but only " +
                           std::to_string(end - at) + " remain");
        break;
      default:
        return fault(kind, start,
                     "wire type " + std::to_string(key & 7) +
                         " is not used by ONNX");
      }
      if ((key & 7) != kBytes) {
        if (kind == Message::Tensor && field == kDataType)
          dataType = value;
        mixed |= kind == Message::Tensor &&
                 (field == kFloatData || field == kDoubleData);
        out.append(file.data() + start, at - start);
        continue;
      }
      uint64_t body = at;
      at += value;
      if (kind == Message::Model && field == kTrainingInfo)
        continue; // never read
      if (kind == Message::Tensor && field == kRawData) {
        hasRaw = true;
        putPlace(out, {body, value});
        continue;
      }
      if (kind == Message::Tensor &&
          (field == kFloatData || field == kDoubleData)) {
        runs.push_back({body, value});
        mixed |= runField && runField != field;
        runField = field;
        continue;
      }
      Message child = childOf(kind, field);
      if (child == Message::Other) {
        out.append(file.data() + start, at - start);
        continue;
      }
      std::string inner;
      if (!walk(child, body, at, depth + 1, inner))
        return false;
      putBytes(out, field, inner);
    }
    bool place = runs.size() == 1 && !hasRaw && !mixed &&
                 ((runField == kFloatData && dataType == 1) ||
                  (runField == kDoubleData && dataType == 11));
    for (const DataPlace &run : runs) {
      if (place)
        putPlace(out, run);
      else
        putBytes(out, runField, file.substr(run.offset, run.length));
    }
    return true;
  }

private:
  bool fault(Message kind, uint64_t at, const std::string &what) {
    reason = "damaged or cut off: " + what + " (byte " + std::to_string(at) +
             ", in a " + messageName(kind) + ")";
    return false;
  }

  bool varint(uint64_t &at, uint64_t end, uint64_t &value) {
    value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
      uint8_t byte = file[at++];
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return true;
    }
    return false;
  }

  static void putPlace(std::string &out, DataPlace place) {
    char bytes[sizeof(DataPlace)];
    std::memcpy(bytes, &place, sizeof(place));
    putBytes(out, kRawData, llvm::StringRef(bytes, sizeof(bytes)));
  }

  llvm::StringRef file;
  unsigned maxDepth;
};

} // namespace

std::optional<std::string> makeSkeleton(llvm::StringRef file, unsigned maxDepth,
                                        std::string &reason) {
  Walker walker(file, maxDepth);
  std::string out;
  if (walker.walk(Message::Model, 0, file.size(), 0, out))
    return out;
  reason = walker.reason;
  return std::nullopt;
}

std::optional<DataPlace> readPlace(llvm::StringRef rawData) {
  if (rawData.size() != sizeof(DataPlace))
    return std::nullopt;
  DataPlace place;
  std::memcpy(&place, rawData.data(), sizeof(place));
  return place;
}

} // namespace lpu::importer
