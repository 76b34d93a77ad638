// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `onnx` dialect: the graph of an ONNX file after import, one op per ONNX
// operator, all shapes static. It holds the *core set* only: lib/Import rewrites
// every operator that is a short composition of others (Gemm, Squeeze, Split,
// Attention, ...), so a lowering sees each idea in one form. Conventions:
//
// - Operands in ONNX order; an absent optional operand is `onnx.NoValue`.
// - Attributes are named as in ONNX. Axes are never negative. Parameters that
//   ONNX passes as tensors (axes, starts, pads) are attributes here.
// - Binary and ternary element-wise ops broadcast as NumPy does.
// - The type of a result says what an attribute would repeat: the target of a
//   Cast, a Reshape, an Expand, the length of a Slice.
// - The location is the name of the ONNX node, with the exporter's metadata.

#ifndef LPU_DIALECTS_ONNX_OPS
#define LPU_DIALECTS_ONNX_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ONNX_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::lpu::onnx";
  let summary = "An ONNX graph with static shapes";
}

def ONNX_Element
    : AnyTypeOf<[F32, F16, I64, I32, I8, UI8, I1],
                "f32, f16, i64, i32, i8, ui8 or i1">;
def ONNX_Tensor : StaticShapeTensorOf<[ONNX_Element]>;
def ONNX_Float : StaticShapeTensorOf<[F32, F16]>;
def ONNX_Bool : StaticShapeTensorOf<[I1]>;
def ONNX_Optional : AnyTypeOf<[ONNX_Tensor, NoneType]>;

class ONNX_Op<string mnemonic, string text, dag ins_, dag outs_,
              list<Trait> traits = []>
    : Op<ONNX_Dialect, mnemonic, !listconcat([Pure], traits)> {
  let summary = text;
  let arguments = ins_;
  let results = outs_;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

def ONNX_NoValueOp : ONNX_Op<"NoValue", "an absent optional operand", (ins),
                             (outs NoneType:$result)>;

def ONNX_ConstantOp
    : ONNX_Op<"Constant", "a small tensor, or one that folding has computed",
              (ins ElementsAttr:$value), (outs ONNX_Tensor:$result)>;

def ONNX_InitializerOp
    : ONNX_Op<"Initializer", "a weight, by reference",
              (ins StrAttr:$name, StrAttr:$file, I64Attr:$offset,
                   I64Attr:$length),
              (outs ONNX_Tensor:$result)> {
  let description = [{
    The bytes [offset, offset + length) of `file`, little-endian, row-major, are
    the tensor. `length` is always the size of the result type: the importer has
    checked it, and that the file holds these bytes. Inline ONNX initializers
    refer to the .onnx file itself.
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Element-wise
//===----------------------------------------------------------------------===//

def ONNX_SameElement : PredOpTrait<"operands and result have one element type",
    CPred<"mlir::getElementTypeOrSelf($_op.getOperand(0).getType()) == "
          "mlir::getElementTypeOrSelf($_op.getResult(0).getType()) && "
          "mlir::getElementTypeOrSelf($_op.getOperand($_op.getNumOperands() - 1)"
          ".getType()) == mlir::getElementTypeOrSelf($_op.getResult(0).getType())">>;
def ONNX_Broadcasts : NativeOpTrait<"ResultsBroadcastableShape">;
def ONNX_SameShape : NativeOpTrait<"SameOperandsAndResultShape">;

class ONNX_Unary<string mnemonic, string text, dag more = (ins)>
    : ONNX_Op<mnemonic, text, !con((ins ONNX_Tensor:$x), more),
              (outs ONNX_Tensor:$result), [ONNX_SameShape, ONNX_SameElement]>;
class ONNX_Binary<string mnemonic, string text, dag more = (ins)>
    : ONNX_Op<mnemonic, text, !con((ins ONNX_Tensor:$a, ONNX_Tensor:$b), more),
              (outs ONNX_Tensor:$result), [ONNX_Broadcasts, ONNX_SameElement]>;
class ONNX_Compare<string mnemonic, string text>
    : ONNX_Op<mnemonic, text, (ins ONNX_Tensor:$a, ONNX_Tensor:$b),
              (outs ONNX_Bool:$result), [ONNX_Broadcasts]>;

def ONNX_AddOp : ONNX_Binary<"Add", "a + b; integers wrap">;
def ONNX_SubOp : ONNX_Binary<"Sub", "a - b; integers wrap">;
def ONNX_MulOp : ONNX_Binary<"Mul", "a * b; integers wrap">;
def ONNX_DivOp : ONNX_Binary<"Div", "a / b; integers truncate towards zero">;
def ONNX_ModOp : ONNX_Binary<"Mod", "remainder; the sign of b, or of a if fmod",
                             (ins I64Attr:$fmod)>;
def ONNX_MinOp : ONNX_Binary<"Min", "the smaller; NaN if either is NaN">;
def ONNX_MaxOp : ONNX_Binary<"Max", "the larger; NaN if either is NaN">;
def ONNX_AndOp : ONNX_Binary<"And", "and of truth values or of the bits of integers">;
def ONNX_OrOp : ONNX_Binary<"Or", "or of truth values or of the bits of integers">;
def ONNX_XorOp : ONNX_Binary<"Xor", "exclusive or of truth values or of the bits of integers">;
def ONNX_PowOp
    : ONNX_Op<"Pow", "a to the power b; the result has the type of a",
              (ins ONNX_Tensor:$a, ONNX_Tensor:$b), (outs ONNX_Tensor:$result),
              [ONNX_Broadcasts]>;

def ONNX_EqualOp : ONNX_Compare<"Equal", "a == b; false if either is NaN">;
def ONNX_LessOp : ONNX_Compare<"Less", "a < b">;
def ONNX_LessOrEqualOp : ONNX_Compare<"LessOrEqual", "a <= b">;
def ONNX_GreaterOp : ONNX_Compare<"Greater", "a > b">;
def ONNX_GreaterOrEqualOp : ONNX_Compare<"GreaterOrEqual", "a >= b">;

def ONNX_WhereOp
    : ONNX_Op<"Where", "condition ? a : b, selected (a NaN not taken is ignored)",
              (ins ONNX_Bool:$condition, ONNX_Tensor:$a, ONNX_Tensor:$b),
              (outs ONNX_Tensor:$result), [ONNX_Broadcasts]>;

def ONNX_NotOp : ONNX_Unary<"Not", "logical not of i1">;
def ONNX_NegOp : ONNX_Unary<"Neg", "-x">;
def ONNX_AbsOp : ONNX_Unary<"Abs", "|x|">;
def ONNX_SignOp : ONNX_Unary<"Sign", "-1, 0 or 1">;
def ONNX_FloorOp : ONNX_Unary<"Floor", "round down">;
def ONNX_CeilOp : ONNX_Unary<"Ceil", "round up">;
def ONNX_RoundOp : ONNX_Unary<"Round", "round to nearest, ties to even">;
def ONNX_SqrtOp : ONNX_Unary<"Sqrt", "square root">;
def ONNX_ReciprocalOp : ONNX_Unary<"Reciprocal", "1 / x">;
def ONNX_ExpOp : ONNX_Unary<"Exp", "e^x">;
def ONNX_LogOp : ONNX_Unary<"Log", "natural logarithm">;
def ONNX_SinOp : ONNX_Unary<"Sin", "sine">;
def ONNX_CosOp : ONNX_Unary<"Cos", "cosine">;
def ONNX_TanhOp : ONNX_Unary<"Tanh", "hyperbolic tangent">;
def ONNX_ErfOp : ONNX_Unary<"Erf", "error function">;
def ONNX_SigmoidOp : ONNX_Unary<"Sigmoid", "1 / (1 + e^-x)">;
def ONNX_ReluOp : ONNX_Unary<"Relu", "max(x, 0)">;
def ONNX_GeluOp
    : ONNX_Unary<"Gelu", "x * Phi(x); approximate is \"none\" or \"tanh\"",
                 (ins StrAttr:$approximate)>;
def ONNX_IsNaNOp : ONNX_Op<"IsNaN", "x is not a number", (ins ONNX_Tensor:$x),
                           (outs ONNX_Bool:$result), [ONNX_SameShape]>;
def ONNX_CastOp
    : ONNX_Op<"Cast",
              "convert: float to int truncates, to i1 compares with zero",
              (ins ONNX_Tensor:$x), (outs ONNX_Tensor:$result), [ONNX_SameShape]>;

//===----------------------------------------------------------------------===//
// Contractions, reductions, normalisations
//===----------------------------------------------------------------------===//

def ONNX_MatMulOp
    : ONNX_Op<"MatMul", "matrix product; leading dims broadcast (NumPy matmul)",
              (ins ONNX_Tensor:$a, ONNX_Tensor:$b), (outs ONNX_Tensor:$result)> {
  let description = [{
    Both operands have rank 2 or more (the importer reshapes 1-D operands). The
    dims before the last two broadcast against each other; a weight is usually
    the rank-2 operand `b` of a rank-3 `a`.
  }];
  let hasVerifier = 1;
}

def ONNX_MatMulIntegerOp
    : ONNX_Op<"MatMulInteger", "(a - a_zero) * (b - b_zero), exact in i32",
              (ins ONNX_Tensor:$a, ONNX_Tensor:$b, ONNX_Optional:$a_zero_point,
                   ONNX_Optional:$b_zero_point),
              (outs ONNX_Tensor:$result)>;

class ONNX_Reduce<string mnemonic, string text>
    : ONNX_Op<mnemonic, text,
              (ins ONNX_Tensor:$x, DenseI64ArrayAttr:$axes, I64Attr:$keepdims),
              (outs ONNX_Tensor:$result), [ONNX_SameElement]>;
def ONNX_ReduceSumOp : ONNX_Reduce<"ReduceSum", "sum over axes">;
def ONNX_ReduceMeanOp : ONNX_Reduce<"ReduceMean", "mean over axes">;
def ONNX_ReduceMaxOp : ONNX_Reduce<"ReduceMax", "largest over axes">;
def ONNX_ReduceMinOp : ONNX_Reduce<"ReduceMin", "smallest over axes">;
def ONNX_ReduceProdOp : ONNX_Reduce<"ReduceProd", "product over axes">;

def ONNX_ArgMaxOp
    : ONNX_Op<"ArgMax", "index of the largest, the first or the last of equals",
              (ins ONNX_Tensor:$x, I64Attr:$axis, I64Attr:$keepdims,
                   I64Attr:$select_last_index),
              (outs ONNX_Tensor:$result)>;

def ONNX_TopKOp
    : ONNX_Op<"TopK", "values and i64 indices of the k largest or smallest",
              (ins ONNX_Tensor:$x, I64Attr:$axis, I64Attr:$largest,
                   I64Attr:$sorted),
              (outs ONNX_Tensor:$values, ONNX_Tensor:$indices)>;

def ONNX_CumSumOp
    : ONNX_Op<"CumSum", "running sum along axis",
              (ins ONNX_Tensor:$x, I64Attr:$axis, I64Attr:$exclusive,
                   I64Attr:$reverse),
              (outs ONNX_Tensor:$result), [ONNX_SameShape, ONNX_SameElement]>;

def ONNX_SoftmaxOp
    : ONNX_Op<"Softmax", "e^(x - max) / sum along axis",
              (ins ONNX_Float:$x, I64Attr:$axis), (outs ONNX_Float:$result),
              [ONNX_SameShape, ONNX_SameElement]>;

def ONNX_LayerNormalizationOp
    : ONNX_Op<"LayerNormalization",
              "normalise over the dims from axis; * scale + bias (bias optional)",
              (ins ONNX_Float:$x, ONNX_Float:$scale, ONNX_Optional:$bias,
                   I64Attr:$axis, F32Attr:$epsilon),
              (outs ONNX_Float:$result)>;

def ONNX_RMSNormalizationOp
    : ONNX_Op<"RMSNormalization",
              "x / sqrt(mean(x^2) + epsilon) * scale over the dims from axis",
              (ins ONNX_Float:$x, ONNX_Float:$scale, I64Attr:$axis,
                   F32Attr:$epsilon),
              (outs ONNX_Float:$result)>;

//===----------------------------------------------------------------------===//
// Data movement
//===----------------------------------------------------------------------===//

def ONNX_ReshapeOp
    : ONNX_Op<"Reshape", "same elements in row-major order, another shape",
              (ins ONNX_Tensor:$x), (outs ONNX_Tensor:$result),
              [ONNX_SameElement]> {
  let hasVerifier = 1;
}
def ONNX_TransposeOp
    : ONNX_Op<"Transpose", "result dim i is operand dim perm[i]",
              (ins ONNX_Tensor:$x, DenseI64ArrayAttr:$perm),
              (outs ONNX_Tensor:$result), [ONNX_SameElement]> {
  let hasVerifier = 1;
}
def ONNX_ExpandOp
    : ONNX_Op<"Expand", "broadcast to the result shape",
              (ins ONNX_Tensor:$x), (outs ONNX_Tensor:$result),
              [ONNX_SameElement]>;
def ONNX_ConcatOp
    : ONNX_Op<"Concat", "join along axis",
              (ins Variadic<ONNX_Tensor>:$inputs, I64Attr:$axis),
              (outs ONNX_Tensor:$result)>;
def ONNX_SliceOp
    : ONNX_Op<"Slice",
              "element i of dim d is operand element starts[d] + i * steps[d]",
              (ins ONNX_Tensor:$x, DenseI64ArrayAttr:$starts,
                   DenseI64ArrayAttr:$steps),
              (outs ONNX_Tensor:$result), [ONNX_SameElement]> {
  let description = [{
    One start and one step per dim of the operand; the length of each dim is
    that of the result. Starts are never negative; steps may be.
  }];
  let hasVerifier = 1;
}
def ONNX_PadOp
    : ONNX_Op<"Pad", "surround with a scalar; pads = begins then ends, per dim",
              (ins ONNX_Tensor:$x, ONNX_Tensor:$value, DenseI64ArrayAttr:$pads),
              (outs ONNX_Tensor:$result)>;
def ONNX_GatherOp
    : ONNX_Op<"Gather", "rows of x along axis, chosen by indices",
              (ins ONNX_Tensor:$x, ONNX_Tensor:$indices, I64Attr:$axis),
              (outs ONNX_Tensor:$result)> {
  let description = [{
    A negative index counts from the end. The importer has removed negative
    constant indices and refused constants out of range.
  }];
}
def ONNX_GatherElementsOp
    : ONNX_Op<"GatherElements", "element-wise choice along axis",
              (ins ONNX_Tensor:$x, ONNX_Tensor:$indices, I64Attr:$axis),
              (outs ONNX_Tensor:$result)>;
def ONNX_GatherNDOp
    : ONNX_Op<"GatherND", "slices of x, chosen by index tuples",
              (ins ONNX_Tensor:$x, ONNX_Tensor:$indices, I64Attr:$batch_dims),
              (outs ONNX_Tensor:$result)>;
def ONNX_ScatterNDOp
    : ONNX_Op<"ScatterND",
              "x with slices replaced; reduction is none, add, mul, min or max",
              (ins ONNX_Tensor:$x, ONNX_Tensor:$indices, ONNX_Tensor:$updates,
                   StrAttr:$reduction),
              (outs ONNX_Tensor:$result)>;
def ONNX_ScatterElementsOp
    : ONNX_Op<"ScatterElements",
              "x with elements along axis replaced; reduction as in ScatterND",
              (ins ONNX_Tensor:$x, ONNX_Tensor:$indices, ONNX_Tensor:$updates,
                   I64Attr:$axis, StrAttr:$reduction),
              (outs ONNX_Tensor:$result)>;

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

def ONNX_QuantizeLinearOp
    : ONNX_Op<"QuantizeLinear",
              "saturate(round_half_even(x / scale) + zero_point)",
              (ins ONNX_Float:$x, ONNX_Float:$scale, ONNX_Optional:$zero_point,
                   I64Attr:$axis),
              (outs ONNX_Tensor:$result)> {
  let description = [{
    `scale` and `zero_point` are scalars, or vectors along `axis`. The result is
    i8 or ui8.
  }];
}
def ONNX_DequantizeLinearOp
    : ONNX_Op<"DequantizeLinear", "(x - zero_point) * scale",
              (ins ONNX_Tensor:$x, ONNX_Float:$scale, ONNX_Optional:$zero_point,
                   I64Attr:$axis),
              (outs ONNX_Float:$result)>;

#endif
