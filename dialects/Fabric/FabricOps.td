// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `fabric` dialect: a model spread over chips. A module holds the tables
// (`system`, `groups`, `arrays`, one `instances` per chip class) and one linalg
// function per chip class with transfers in its body. docs/fabric.md is the
// contract; docs/dialects/Fabric/Rationale.md has the reasons.

#ifndef LPU_DIALECTS_FABRIC_OPS
#define LPU_DIALECTS_FABRIC_OPS

include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"

def Fabric_Dialect : Dialect {
  let name = "fabric";
  let cppNamespace = "::lpu::fabric";
  let summary = "Chips, what runs where, and what they exchange";
  // `fabric.parameter` stands on constants of bodies, `fabric.port` on arguments
  // and results of functions made for one chip.
}

class Fabric_Op<string mnemonic, list<Trait> traits = []>
    : Op<Fabric_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

def Fabric_SystemOp : Fabric_Op<"system"> {
  let summary = "the chips and links of the system";
  let description = [{
    `text` is the exact text of the topology (docs/fabric.md), as a package holds
    the exact text of its machine. `replicas` copies of the model run side by side;
    each has inputs and outputs of its own.
  }];
  let arguments = (ins StrAttr:$text, DefaultValuedAttr<I64Attr, "1">:$replicas);
  let assemblyFormat = "attr-dict";
}

def Fabric_GroupsOp : Fabric_Op<"groups"> {
  let summary = "sets of chips that take part in collectives";
  let description = "Each element is an array of chips; the order is that of the group.";
  let arguments = (ins ArrayAttr:$members);
  let assemblyFormat = "$members attr-dict";
  let hasVerifier = 1;
}

def Fabric_ArraysOp : Fabric_Op<"arrays"> {
  let summary = "arrays in files, or small literals, that parameters are parts of";
  let description = [{
    A dictionary with `name`, `file`, `offset`, `length` (bytes), or with `literal`.
  }];
  let arguments = (ins ArrayAttr:$list);
  let assemblyFormat = "$list attr-dict";
  let hasVerifier = 1;
}

def Fabric_InstancesOp : Fabric_Op<"instances"> {
  let summary = "the chips that run a class";
  let description = [{
    Row-major tables with one row per chip: `peers` has a column per port (a chip, or
    a group), `sources` two columns per parameter (array, first element), `values`,
    for debugging, one per operation of the body that makes a tensor of the model:
    its name there ("" if this chip's is none).
  }];
  let arguments = (ins FlatSymbolRefAttr:$body, DenseI64ArrayAttr:$chips,
                       DenseI64ArrayAttr:$peers, DenseI64ArrayAttr:$sources,
                       OptionalAttr<StrArrayAttr>:$values);
  let assemblyFormat = [{
    $body `on` $chips `peers` $peers `sources` $sources (`values` $values^)? attr-dict
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Transfers
//===----------------------------------------------------------------------===//

def Fabric_Combine
    : I32EnumAttr<"Combine", "how a collective combines",
                  [I32EnumAttrCase<"Add", 0, "add">,
                   I32EnumAttrCase<"Max", 1, "max">,
                   I32EnumAttrCase<"Min", 2, "min">]> {
  let cppNamespace = "::lpu::fabric";
}

// None of these is Pure: two sends of one value are two messages, and their
// order is the order in which the chip performs them.

def Fabric_SendOp : Fabric_Op<"send"> {
  let summary = "a tensor to one peer";
  let arguments = (ins AnyStaticShapeTensor:$input);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def Fabric_RecvOp : Fabric_Op<"recv"> {
  let summary = "a tensor from one peer";
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Fabric_AllReduceOp : Fabric_Op<"all_reduce", [AllTypesMatch<["input", "result"]>]> {
  let summary = "the element-wise combination of the members' tensors, on all";
  let arguments = (ins Fabric_Combine:$combine, AnyStaticShapeTensor:$input);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$combine $input attr-dict `:` type($input)";
}

def Fabric_ReduceScatterOp : Fabric_Op<"reduce_scatter"> {
  let summary = "a part of the combination for each member";
  let arguments = (ins Fabric_Combine:$combine, AnyStaticShapeTensor:$input,
                       I64Attr:$dim, DenseI64ArrayAttr:$offsets);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $combine $input `dim` $dim `offsets` $offsets attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Fabric_AllGatherOp : Fabric_Op<"all_gather"> {
  let summary = "the members' parts joined, on all";
  let arguments = (ins AnyStaticShapeTensor:$input, I64Attr:$dim,
                       DenseI64ArrayAttr:$offsets);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = [{
    $input `dim` $dim `offsets` $offsets attr-dict `:`
    functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Fabric_AllToAllOp : Fabric_Op<"all_to_all", [AllTypesMatch<["input", "result"]>]> {
  let summary = "a block of rows to each member, and one from each";
  let description = [{
    Dim 0 is cut into as many equal blocks as the group has members. Member m gets
    block m of every member, in the order of the members.
  }];
  let arguments = (ins AnyStaticShapeTensor:$input, I64Attr:$members);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input `members` $members attr-dict `:` type($input)";
  let hasVerifier = 1;
}

def Fabric_BroadcastOp : Fabric_Op<"broadcast"> {
  let summary = "one member's tensor, on all";
  let arguments = (ins AnyStaticShapeTensor:$input, I64Attr:$root);
  let results = (outs AnyStaticShapeTensor:$result);
  let assemblyFormat = "$input `root` $root attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif
