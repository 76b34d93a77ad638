//===- StreamBase.td - the stream dialect: types and attributes -*- tablegen -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_STREAM_STREAMBASE_TD
#define LPU_DIALECTS_STREAM_STREAMBASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/Properties.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Stream_Dialect : Dialect {
  let name = "stream";
  let cppNamespace = "::lpu::stream";
  let summary = "What one chip computes, row by row";
  let description = [{
    Kernels as SSA over streams, on memory tiles with layouts; no cycles, stream
    numbers or addresses. docs/dialects/Stream/Rationale.md says why it looks as
    it does, include/lpu/Stream/Program.h is the same as plain structs.
  }];
  let usePropertiesForAttributes = 1;
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = "void registerTypesAndAttributes();";
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

def Stream_TileType : TypeDef<Stream_Dialect, "Tile"> {
  let mnemonic = "tile";
  let summary = "An array in SRAM, tensor rows x features";
  let description = [{
    `!stream.tile<32x384xf16, chunk 320>` has 32 rows of 384 features, of which
    320 stand side by side in one SRAM row: each row has two chunks.
    `chunk 5 x 64` packs five groups of 64 features that no chunk border cuts.
    The element type is one that the chip stores: i8, ui8, i16, f16, i32 or f32.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$features, "::mlir::Type":$elementType,
                        "int64_t":$groupSize, "int64_t":$groupsPerChunk);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The type of the values that a read gives and a write takes.
    VectorType getVectorType();
  }];
}

def Stream_VectorType : TypeDef<Stream_Dialect, "Vector"> {
  let mnemonic = "vector";
  let summary = "A chunk of a row on its way: one 32-bit value per lane";
  let description = [{
    The vector unit computes in 32 bits and converts at its edges, so a vector is
    `f32` or `i32`, however narrow the tile is that it comes from. How many lanes
    count is known at the tiles.
  }];
  let parameters = (ins "::mlir::Type":$elementType);
  let assemblyFormat = "`<` $elementType `>`";
  let genVerifyDecl = 1;
}

def Stream_Vector : Type<CPred<"::llvm::isa<::lpu::stream::VectorType>($_self)">,
                         "stream vector", "::lpu::stream::VectorType">;
class Stream_VectorOf<string type> : Type<
    CPred<"$_self == ::lpu::stream::VectorType::get($_self.getContext(), ::mlir::Builder($_self.getContext()).get"
          # type # "Type())">,
    "stream vector of " # type, "::lpu::stream::VectorType">,
    BuildableType<"::lpu::stream::VectorType::get($_builder.getContext(), $_builder.get" # type # "Type())">;
def Stream_F32 : Stream_VectorOf<"F32">;
def Stream_I32 : Stream_VectorOf<"I32">;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Stream_SourceAttr : AttrDef<Stream_Dialect, "Source"> {
  let mnemonic = "source";
  let summary = "Where the elements of a constant tile come from";
  let description = [{
    ```mlir
    #stream.source<f32 from "model.onnx"[4096, 589824] offset 64 rows [384 step 384] features [32 step 1]>
    #stream.source<ui8 from dense<1> : tensor<1xui8> features [48 step 0]>
    ```
    A strided view of an array in a file ([offset, length] in bytes) or of
    elements held here. The source element of tile row r and feature f is offset +
    (mixed-radix r over the row axes) + (mixed-radix f over the feature axes),
    outermost axis first; what lies outside the axes is zero. `splat`: the source
    is one element. `offset_binary`: bytes hold unsigned numbers, the element is the
    number less 128. `parameter`: the array is that of a parameter of a chip class
    (docs/fabric.md), which other chips of the class replace by theirs.
  }];
  let parameters = (ins "::mlir::Type":$elementType, "::mlir::StringAttr":$file,
                        "uint64_t":$fileOffset, "uint64_t":$fileLength,
                        "::mlir::DenseElementsAttr":$data, "bool":$splat, "bool":$offsetBinary,
                        "int64_t":$offset,
                        ArrayRefParameter<"int64_t", "size, step, size, step ...">:$rowAxes,
                        ArrayRefParameter<"int64_t", "size, step, size, step ...">:$featureAxes,
                        "int64_t":$parameter);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}
def Stream_Sources : TypedArrayAttrBase<Stream_SourceAttr, "constant sources">;

//===----------------------------------------------------------------------===//
// Properties
//===----------------------------------------------------------------------===//

// One property instead of five: nothing is uniqued for an access.
def Stream_RowsProp : Property<"::lpu::stream::RowPattern", "rows of a tile over iterations"> {
  let hashProperty = "hashRows($_storage)";
  let readFromMlirBytecode = [{
    ::mlir::Attribute attribute;
    if (::mlir::failed($_reader.readAttribute(attribute)) ||
        ::mlir::failed(convertFromAttribute($_storage, attribute, [&] { return $_reader.emitError(); })))
      return ::mlir::failure();
  }];
  let writeToMlirBytecode = "$_writer.writeAttribute(convertToAttribute(getContext(), $_storage));";
}
def Stream_I64 : IntProp<"int64_t">;

//===----------------------------------------------------------------------===//
// ALU ops
//===----------------------------------------------------------------------===//

def Stream_AluInterface : OpInterface<"AluOpInterface"> {
  let cppNamespace = "::lpu::stream";
  let description = "What the ops of ALU instructions share.";
  let methods = [
    InterfaceMethod<"The instruction.", "::lpu::isa::Opcode", "getOpcode">,
    InterfaceMethod<"Group code of a lane reduction, period of a running one, else 0.",
                    "int64_t", "getParameter">,
    InterfaceMethod<"", "void", "setParameter", (ins "int64_t":$value)>,
  ];
}

class Stream_AluBase<string mnemonic, string opcodeName, dag arguments_, Type type, list<Trait> traits>
    : Op<Stream_Dialect, mnemonic, traits # [Pure, ParentOneOf<["FlowOp", "JobOp"]>,
                                             DeclareOpInterfaceMethods<Stream_AluInterface>]> {
  let arguments = arguments_;
  let results = (outs type:$result);
  string parameterGet = "return 0;";
  string parameterSet = "";
  let extraClassDefinition = [{
    ::lpu::isa::Opcode $cppClass::getOpcode() { return ::lpu::isa::Opcode::}] # opcodeName # [{; }
    int64_t $cppClass::getParameter() { }] # parameterGet # [{ }
    void $cppClass::setParameter(int64_t value) { }] # parameterSet # [{ }
  }];
}

class Stream_AluOp<string mnemonic, string opcodeName, dag arguments, Type type, list<Trait> traits>
    : Stream_AluBase<mnemonic, opcodeName, arguments, type, traits> {
  let assemblyFormat = "operands attr-dict";
}
class Stream_ReduceOp<string mnemonic, string opcodeName, dag arguments, Type type, list<Trait> traits>
    : Stream_AluBase<mnemonic, opcodeName,
                     !con(arguments, (ins DefaultValuedProp<Stream_I64, "15">:$group)), type, traits> {
  let parameterGet = "return getGroup();";
  let parameterSet = "setGroup(value);";
  let assemblyFormat = "$a (`group` custom<LaneGroup>($group)^)? attr-dict";
}
class Stream_AccOp<string mnemonic, string opcodeName, dag arguments, Type type, list<Trait> traits>
    : Stream_AluBase<mnemonic, opcodeName,
                     !con(arguments, (ins DefaultValuedProp<Stream_I64, "0">:$period)), type, traits> {
  let parameterGet = "return getPeriod();";
  let parameterSet = "setPeriod(value);";
  let assemblyFormat = "$a (`period` $period^)? attr-dict";
}

#endif
