//===- ISAOps.td - the isa dialect: programs, queues, images ----*- tablegen -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_ISA_ISAOPS_TD
#define LPU_DIALECTS_ISA_ISAOPS_TD

include "dialects/ISA/ISABase.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "lpu/ISA/InstructionOps.td"

class ISA_Op<string mnemonic, list<Trait> traits = []> : Op<ISA_Dialect, mnemonic, traits>;

def ISA_ProgramOp : ISA_Op<"program", [Symbol, NoTerminator, SingleBlock]> {
  let summary = "A whole program: classes, chips, wires, bindings";
  let description = [{
    ```mlir
    isa.program @copy machine "nano" cycles 6 {
      isa.chip_class 0 {
        isa.queue mem 3 text [7, 0, 0] {
          isa.mem.read at 0 bank = 0, offset = 3, dir = east, stream = 2
          isa.halt at 1
        }
        isa.queue mem 4 text [7, 1, 0] {
          isa.mem.write at 4 bank = 1, offset = 0, dir = east, stream = 2, last
          isa.halt at 5
        }
      }
      isa.chip 0 class 0 {
        isa.image slice 3 bank 0 row 3 rows 1 hex ["0102"]
      }
    }
    ```
    `machine` names a built-in machine or is the text of a machine file;
    `interval` is the initiation interval of repeated runs, `replicas` the
    number of ranges of chips that take them in turn.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$machine,
                       DefaultValuedProp<ISA_U64, "0">:$cycles,
                       DefaultValuedProp<ISA_U64, "0">:$interval,
                       DefaultValuedProp<ISA_U32, "1">:$replicas,
                       DefaultValuedProp<ISA_U32, "0">:$host_nodes,
                       OptionalAttr<StrAttr>:$compiler);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `machine` $machine (`cycles` $cycles^)? (`interval` $interval^)?
    (`replicas` $replicas^)?
    (`host_nodes` $host_nodes^)?
    (`compiler` $compiler^)? attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def ISA_ChipClassOp : ISA_Op<"chip_class", [HasParent<"ProgramOp">, NoTerminator, SingleBlock]> {
  let summary = "The queues of all chips of one class; classes are numbered from 0";
  let arguments = (ins ISA_U32:$number);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$number attr-dict-with-keyword $body";
}

def ISA_QueueOp : ISA_Op<"queue", [HasParent<"ChipClassOp">, NoTerminator, SingleBlock]> {
  let summary = "The instructions of one queue, in issue order, ending in isa.halt";
  let description = [{
    Cycles count from the start of the chip. `text` is the place of the
    program text: [slice, bank, first row]; without it the program cannot be
    encoded (--isa-insert-fetches chooses one).
  }];
  let arguments = (ins ISA_U32:$unit, ISA_U32:$index,
                       OptionalAttr<DenseI64ArrayAttr>:$text);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "custom<Unit>($unit) $index (`text` $text^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def ISA_LoopOp : ISA_Op<"loop", [ParentOneOf<["QueueOp", "LoopOp"]>, NoTerminator, SingleBlock]> {
  let summary = "loop .. endloop";
  let description = [{
    The loop instruction issues at `at` of the enclosing block; body cycle 0 is
    the cycle after it; endloop issues at body cycle period - 1. So iterations
    follow each other every `period` cycles, and the next instruction issues at
    at + 1 + iterations * period at the earliest.
  }];
  let arguments = (ins ISA_U64:$at, ISA_U32:$iterations,
                       ISA_U64:$period);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `at` $at `iterations` $iterations `period` $period attr-dict-with-keyword $body
  }];
}

def ISA_ChipOp : ISA_Op<"chip", [HasParent<"ProgramOp">, NoTerminator, SingleBlock]> {
  let summary = "A chip and its image at cycle 0; chips are numbered from 0";
  let description = [{
    `start` is the program cycle of the chip's cycle 0; `links` names the port
    of each link number of the class (all of them; without it, the same number);
    `registers` lists (slice, register, value at cycle 0) of base registers.
  }];
  let arguments = (ins ISA_U32:$number, ISA_U32:$chip_class,
                       DefaultValuedProp<ISA_U64, "0">:$start,
                       OptionalAttr<DenseI64ArrayAttr>:$links,
                       OptionalAttr<DenseI64ArrayAttr>:$registers);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $number `class` $chip_class (`start` $start^)? (`links` $links^)?
    (`registers` $registers^)? attr-dict-with-keyword $body
  }];
}

def ISA_ImageOp : ISA_Op<"image", [HasParent<"ChipOp">]> {
  let summary = "Rows of one bank at cycle 0";
  let description = [{
    Contents, one of: nothing (zeros), `hex` (one string per row, missing bytes
    at its end are zero), `splat` (one byte everywhere), `random` (bytes that
    follow from the seed and nothing else), `file` with `offset` (rows x lanes
    bytes of a file). Segments with the same `share` number have equal contents,
    which the package holds once.
  }];
  let arguments = (ins ISA_U32:$slice, ISA_U32:$bank,
                       ISA_U32:$row, ISA_U32:$rows,
                       OptionalAttr<StrArrayAttr>:$hex, OptionalAttr<I64Attr>:$splat,
                       OptionalAttr<I64Attr>:$random, OptionalAttr<StrAttr>:$file,
                       OptionalAttr<I64Attr>:$offset,
                       DefaultValuedProp<ISA_U32, "0">:$share);
  let assemblyFormat = [{
    `slice` $slice `bank` $bank `row` $row `rows` $rows (`hex` custom<HexRows>($hex)^)?
    (`splat` $splat^)? (`random` $random^)? (`file` $file^ `offset` $offset)?
    (`share` $share^)? attr-dict
  }];
  let hasVerifier = 1;
}

def ISA_WireOp : ISA_Op<"wire", [HasParent<"ProgramOp">]> {
  let summary = "A cable from one link port to another, directed";
  let arguments = (ins ISA_U32:$from_chip, ISA_U32:$from_link,
                       ISA_U32:$to_chip, ISA_U32:$to_link);
  let assemblyFormat = [{
    `chip` $from_chip `link` $from_link `to` `chip` $to_chip `link` $to_link attr-dict
  }];
}

class ISA_TensorOp<string mnemonic> : ISA_Op<mnemonic, [HasParent<"ProgramOp">, NoTerminator, SingleBlock]> {
  let description = "The body holds one isa.placement per copy (include/lpu/Binary/Package.h).";
  let arguments = (ins StrAttr:$tensor_name, StrAttr:$host_type, ISA_U32:$chip_type,
                       DenseI64ArrayAttr:$shape,
                       OptionalAttr<DenseI64ArrayAttr>:$range, OptionalAttr<StrAttr>:$table);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $tensor_name `host` $host_type `chip` custom<ChipType>($chip_type) `shape` $shape (`range` $range^ `of` $table)?
    attr-dict-with-keyword $body
  }];
}
def ISA_InputOp : ISA_TensorOp<"input"> { let summary = "An input tensor"; }
def ISA_OutputOp : ISA_TensorOp<"output"> { let summary = "An output tensor"; }

def ISA_PlacementOp : ISA_Op<"placement", [ParentOneOf<["InputOp", "OutputOp"]>]> {
  let summary = "Where the elements of a tensor live";
  let description = [{
    `columns` holds (chip slice bank row) of every column, in the order that
    struct Placement defines.
  }];
  let arguments = (ins DenseI64ArrayAttr:$row_stride, DenseI64ArrayAttr:$feature_stride,
                       ISA_U32:$group_size, ISA_U32:$groups_per_chunk,
                       ISA_U32:$chunks, ISA_U32:$stripes,
                       ISA_U32:$tensor_rows, DenseI64ArrayAttr:$columns);
  let assemblyFormat = [{
    `rows` $tensor_rows `stride` $row_stride `features` `stride` $feature_stride `group` $group_size
    `per_chunk` $groups_per_chunk `chunks` $chunks `stripes` $stripes `columns` custom<Columns>($columns)
    attr-dict
  }];
}

def ISA_DebugOp : ISA_Op<"debug", [HasParent<"ProgramOp">]> {
  let summary = "A debug section: name and contents; nothing depends on it";
  let arguments = (ins StrAttr:$section, StrAttr:$contents);
  let assemblyFormat = "$section $contents attr-dict";
}

#endif
