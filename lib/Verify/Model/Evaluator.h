//===- Evaluator.h - one node after the other -------------------*- C++ -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators are functions of a Node: they read its inputs and attributes and
// append its outputs, or refuse. docs/verification.md has the table of what
// functions of ONNX mean over the field; it follows the instructions of
// docs/isa.md (exp is exp2 of a product, a quotient a product with an inverse,
// a mean a product with 1/n).
//
//===----------------------------------------------------------------------===//

#ifndef LPU_LIB_VERIFY_MODEL_EVALUATOR_H
#define LPU_LIB_VERIFY_MODEL_EVALUATOR_H

#include "Tensor.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace onnx {
class NodeProto;
class AttributeProto;
class TensorProto;
} // namespace onnx

namespace lpu::verify {

// Numbers of onnx::TensorProto::DataType.
constexpr int typeFloat = 1, typeByte = 2, typeSignedByte = 3, typeInt32 = 6,
              typeInt64 = 7, typeBool = 9, typeHalf = 10, typeDouble = 11;
inline bool isFloatType(int type) {
  return type == typeFloat || type == typeHalf || type == typeDouble;
}

struct Node {
  Node(const onnx::NodeProto &proto, const Field &field, int64_t opset)
      : proto(proto), field(field), opset(opset) {}

  const onnx::NodeProto &proto;
  const Field &field;
  int64_t opset;
  std::vector<const Tensor *> inputs; // nullptr: absent
  std::vector<Tensor> outputs;
  std::string error;
  /// Constants that a compiler may store or divide by in two ways, and the
  /// number that each is meant to be (Field::identify).
  std::vector<std::pair<uint32_t, uint32_t>> identical;
  /// An output of the model has elements of its result as they are.
  bool isHandedOn = false;
  /// It has rounded what is computed: ModelOutputs says what that means.
  bool hasRounded = false;

  void refuse(const std::string &reason) {
    if (error.empty())
      error = reason;
  }
  bool has(size_t i) const { return i < inputs.size() && inputs[i]; }
  const Tensor &in(size_t i) const { return *inputs[i]; }
  void set(Tensor t) { outputs.push_back(std::move(t)); }

  const onnx::AttributeProto *attribute(llvm::StringRef name) const;
  int64_t integer(llvm::StringRef name, int64_t otherwise) const;
  float number(llvm::StringRef name, float otherwise) const;
  std::string text(llvm::StringRef name, const char *otherwise) const;
  std::optional<std::vector<int64_t>> integers(llvm::StringRef name) const;
  /// Of an attribute, or, in later opsets, of input \p i.
  std::optional<std::vector<int64_t>> integers(llvm::StringRef name,
                                               size_t i) const;
  /// An axis counted from the front.
  int64_t axis(int64_t axis, int64_t rank);
};

using Operator = void (*)(Node &);
/// nullptr: unknown.
Operator findMath(llvm::StringRef name);
Operator findReduction(llvm::StringRef name);
Operator findShape(llvm::StringRef name);
Operator findNN(llvm::StringRef name);
Operator findExpanded(llvm::StringRef name);
Operator findNormalisation(llvm::StringRef name);
Operator findQuantised(llvm::StringRef name);
/// Of com.microsoft.
Operator findFused(llvm::StringRef name);
Operator findFusedQuantised(llvm::StringRef name);

// Steps that several operators are made of. Tensors of floats.
using Combine = llvm::function_ref<Element(Element, Element)>;
using Change = llvm::function_ref<Element(Element)>;
Tensor combine(Node &node, const Tensor &a, const Tensor &b, Combine body);
Tensor change(const Tensor &a, Change body);
/// Reduces axes, which stay as dims of size 1.
Tensor reduced(const Tensor &a, DimsRef axes, Combine body);
Tensor mean(const Field &field, const Tensor &a, DimsRef axes);
/// The elements times a constant, which may be multiplied into the constant
/// before.
Tensor scaled(Node &node, const Tensor &a, float factor);
Tensor divided(Node &node, const Tensor &a, const Tensor &b);
Tensor exponential(Node &node, const Tensor &a);
/// Floor, Trunc or Rint.
Element rounded(Node &node, modular::Function function, Element e);
/// Of a float that rounding has made, as the chip converts it.
int64_t integerOf(Element e);
/// An integer as a float, known if fp32 has it.
Element floatOf(const Field &field, int64_t value);
/// Wraps to the type.
int64_t wrapped(int64_t value, int type);
Tensor gelu(const Field &field, const Tensor &x, bool isTanh);
/// Without scale or bias if they are nullptr; not centred: without the mean.
Tensor normalised(Node &node, const Tensor &x, DimsRef axes, bool isCentred,
                  float epsilon, const Tensor *scale, const Tensor *bias);
/// softmax(scale q k' + bias) v of [batch, heads, length, size]. What `seen`
/// (truth values) hides has the lowest score and then the probability 0.
std::optional<Tensor> attentionOf(Node &node, const Tensor &q, const Tensor &k,
                                  const Tensor &v, float scale,
                                  const Tensor *bias, const Tensor *seen,
                                  bool isCausal);
/// [batch, length, heads * size] -> [batch, heads, length, size]
std::optional<Tensor> splitHeads(Node &node, const Tensor &x, int64_t heads);
Tensor joinHeads(const Tensor &x);
Tensor gathered(Node &node, const Tensor &a, const Tensor &indices,
                int64_t axis);
/// The part [begin, begin + count x step) of one axis.
Tensor slicedAxis(const Tensor &a, int64_t axis, int64_t begin, int64_t count,
                  int64_t step);
Tensor softmax(Node &node, const Tensor &a, int64_t axis);
/// The residues of an operand of a product. A weight has the precision of fp16,
/// under its scale, unless `isExact`.
std::vector<uint32_t> residuesOf(const Field &field, const Tensor &t,
                                 bool isExact);
/// A weight of few different numbers may be read from an instruction, or become
/// a factor of a sum: then it is the number of the file, and no fp16. Both
/// count as one number, and so does what the factor of a Gemm makes of it.
void identifyWeights(Node &node, const Tensor &t, float factor);
Tensor transposed(const Tensor &a, DimsRef order);
std::optional<Tensor> product(Node &node, const Tensor &a, const Tensor &b);
Element constantElement(float value);

/// A tensor of the file; an error text if it cannot be read.
std::string readTensor(const onnx::TensorProto &proto,
                       llvm::StringRef directory, Tensor &result);

} // namespace lpu::verify

#endif // LPU_LIB_VERIFY_MODEL_EVALUATOR_H
