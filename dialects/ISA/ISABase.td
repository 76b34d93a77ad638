//===- ISABase.td - the isa dialect: dialect and instruction ops -*- tablegen -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_ISA_ISABASE_TD
#define LPU_DIALECTS_ISA_ISABASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/Properties.td"

def ISA_Dialect : Dialect {
  let name = "isa";
  let cppNamespace = "::lpu::isa";
  let summary = "One op per instruction, with its issue cycle";
  let description = [{
    The textual form of a scheduled program (include/lpu/Schedule/QueueProgram.h).
    It holds no decision: it is encodable as it stands. docs/dialects/ISA/Rationale.md
    says why it looks as it does, docs/isa.md what the instructions do.
  }];
  let usePropertiesForAttributes = 1;
}

def ISA_InstructionInterface : OpInterface<"InstructionOpInterface"> {
  let cppNamespace = "::lpu::isa";
  let description = "What all instruction ops share.";
  let methods = [
    InterfaceMethod<"Issue cycle inside the enclosing block.", "uint64_t", "getAt">,
    InterfaceMethod<"The instruction; its wait is not used.", "::lpu::isa::Instruction", "getInstruction">,
    InterfaceMethod<"", "void", "setAt", (ins "uint64_t":$at)>,
  ];
}

// The decoded instruction as one property: no attribute is uniqued for a field,
// so that programs of many thousand ops are cheap.
def ISA_InstructionProp : Property<"::lpu::isa::Instruction", "decoded instruction"> {
  let hashProperty = "hashInstruction($_storage)";
  let readFromMlirBytecode = [{
    ::mlir::Attribute attribute;
    if (::mlir::failed($_reader.readAttribute(attribute)) ||
        ::mlir::failed(convertFromAttribute($_storage, attribute, [&] { return $_reader.emitError(); })))
      return ::mlir::failure();
  }];
  let writeToMlirBytecode = "$_writer.writeAttribute(convertToAttribute(getContext(), $_storage));";
}

// Unsigned numbers; MLIR's own integer properties are signed.
class ISA_Number<string type> : IntProp<type> {
  let convertToAttribute = "return ::mlir::convertToAttribute($_ctxt, int64_t($_storage));";
  let convertFromAttribute = [{
    int64_t value = 0;
    if (::mlir::failed(::mlir::convertFromAttribute(value, $_attr, $_diag)))
      return ::mlir::failure();
    $_storage = static_cast<}] # type # [{>(value);
    if (value < 0 || int64_t($_storage) != value)
      return $_diag() << value << " is out of range";
    return ::mlir::success();
  }];
}
def ISA_U32 : ISA_Number<"uint32_t">;
def ISA_U64 : ISA_Number<"uint64_t">;

class ISA_InstructionOp<string mnemonic, string opcodeName>
    : Op<ISA_Dialect, mnemonic, [DeclareOpInterfaceMethods<ISA_InstructionInterface, []>,
                                 ParentOneOf<["QueueOp", "LoopOp"]>]> {
  let arguments = (ins ISA_U64:$at, ISA_InstructionProp:$instruction);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = "static constexpr ::lpu::isa::Opcode opcode = ::lpu::isa::Opcode::" # opcodeName # ";";
  let extraClassDefinition = [{
    ::mlir::ParseResult $cppClass::parse(::mlir::OpAsmParser &parser, ::mlir::OperationState &result) {
      auto &properties = result.getOrAddProperties<Properties>();
      return parseInstruction(parser, result, opcode, properties.at, properties.instruction);
    }
    void $cppClass::print(::mlir::OpAsmPrinter &printer) {
      printInstruction(printer, getOperation(), getAt(), getProperties().instruction);
    }
  }];
}

#endif
