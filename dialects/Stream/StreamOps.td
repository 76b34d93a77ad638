//===- StreamOps.td - the stream dialect: programs and kernels --*- tablegen -*-===//
//
// Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of a tile are written `%tile[i]`, `%tile[32 + i * 2]`, `%tile[5]` or, with
// an inner loop of n iterations, `%tile[4 + i mod n * 1 + i div n * 8]`; i is the
// iteration of the flow. `chunk c` follows if it is not chunk 0.
//
// Every kernel and tile carries the name of its ONNX node or value as a string;
// it is the location too, so that every diagnostic names the user's object.
//
//===----------------------------------------------------------------------===//

#ifndef LPU_DIALECTS_STREAM_STREAMOPS_TD
#define LPU_DIALECTS_STREAM_STREAMOPS_TD

include "dialects/Stream/StreamBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Stream_Op<string mnemonic, list<Trait> traits = []> : Op<Stream_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Stream_ProgramOp : Stream_Op<"program", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock]> {
  let summary = "What one chip computes: tiles, then segments in order";
  let description = [{
    ```mlir
    stream.program @twice {
      %x = stream.input "x" host "float32" shape [4, 8] rows [1, 0] features [0, 1]
          : !stream.tile<4x8xf32, chunk 16>
      %y = stream.output "y" host "float32" shape [4, 8] rows [1, 0] features [0, 1]
          : !stream.tile<4x8xf32, chunk 16>
      stream.segment {
        stream.flow "/Add" iterations 4 {
          %0 = stream.read %x[i] : !stream.tile<4x8xf32, chunk 16>
          %1 = stream.add %0, %0
          stream.write %1, %y[i] : !stream.tile<4x8xf32, chunk 16>
        }
      }
    }
    ```
    Kernels behave as if they ran one after the other. The verifier applies every
    rule of lib/Stream/Verify.cpp that needs no machine and reports all offenders;
    --verify-stream adds the limits of a machine.

    `groups [4, 2]`: the chip is one of a group of four, and one of a group of
    two, with which it exchanges rows.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<DenseI64ArrayAttr>:$groups);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name (`groups` $groups^)? attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Stream_SegmentOp : Stream_Op<"segment", [HasParent<"ProgramOp">, NoTerminator, SingleBlock]> {
  let summary = "Kernels that are executed `iterations` times";
  let description = [{
    A constant used here has one source, or one per iteration (the weights of
    equal layers).
  }];
  let arguments = (ins DefaultValuedProp<Stream_I64, "1">:$iterations);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`iterations` $iterations^)? attr-dict-with-keyword $body";
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

class Stream_TileOp<string mnemonic, dag more = (ins)>
    : Stream_Op<mnemonic, [HasParent<"ProgramOp">, DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>]> {
  let arguments = !con((ins StrAttr:$label, UnitAttr:$both_halves), more);
  let results = (outs Stream_TileType:$tile);
  let extraClassDefinition = [{
    void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) {
      setName(getTile(), tileName(getLabel()));
    }
  }];
}

class Stream_BoundTileOp<string mnemonic>
    : Stream_TileOp<mnemonic, (ins StrAttr:$host_type, DenseI64ArrayAttr:$shape,
                                   DenseI64ArrayAttr:$row_stride, DenseI64ArrayAttr:$feature_stride)> {
  let description = [{
    `host` is the NumPy name of the model's type. Element (i, j, ...) stands in
    tile row i * rows[0] + j * rows[1] + ... and in the feature that `features`
    gives likewise.
  }];
  let assemblyFormat = [{
    $label `host` $host_type `shape` $shape `rows` $row_stride `features` $feature_stride
    (`both_halves` $both_halves^)? attr-dict `:` type($tile)
  }];
}
def Stream_InputOp : Stream_BoundTileOp<"input"> {
  let summary = "An input, or one of several layouts of it; the host writes them all";
}
def Stream_OutputOp : Stream_BoundTileOp<"output"> { let summary = "An output"; }

def Stream_TemporaryOp : Stream_TileOp<"temporary"> {
  let summary = "What kernels write and read";
  let description = [{
    `both_halves`: a copy in each half of the chip, for operands that pass through
    planes of both. Each write then takes one ALU more.
  }];
  let assemblyFormat = "$label (`both_halves` $both_halves^)? attr-dict `:` type($tile)";
}

def Stream_ConstantOp : Stream_TileOp<"constant", (ins UnitAttr:$weights, Stream_Sources:$sources)> {
  let summary = "Elements by reference; one source per instance";
  let description = [{
    `weights`: the rows are weight rows, striped over slices so that an install
    takes many per cycle; they are padded to whole stripes with zeros.
  }];
  let assemblyFormat = [{
    $label (`weights` $weights^)? (`both_halves` $both_halves^)? custom<Sources>($sources)
    attr-dict `:` type($tile)
  }];
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

class Stream_KernelOp<string mnemonic, list<Trait> traits = []>
    : Stream_Op<mnemonic, traits # [HasParent<"SegmentOp">]>;

def Stream_FlowOp : Stream_KernelOp<"flow", [NoTerminator, SingleBlock]> {
  let summary = "A pipelined loop over rows through the vector unit";
  let description = [{
    Iteration i = 0 .. iterations - 1 reads a row of each source, sends it through
    the operations and writes rows of the results. Every ALU op takes one ALU for
    the whole flow; splat, lane and bitcast cost nothing.
  }];
  let arguments = (ins StrAttr:$label, Stream_I64:$iterations);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$label `iterations` $iterations attr-dict-with-keyword $body";
}

def Stream_MatmulOp : Stream_KernelOp<"matmul", [NoTerminator, SingleBlock]> {
  let summary = "A product: jobs that may run on different planes";
  let arguments = (ins StrAttr:$label, UnitAttr:$int8);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$label (`int8` $int8^) : (`fp16`)? attr-dict-with-keyword $body";
}

def Stream_JobOp : Stream_Op<"job", [
    HasParent<"MatmulOp">, NoTerminator,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "Up to `lanes` result columns of some rows";
  let description = [{
    ```mlir
    stream.job rows 32 {
      stream.k_tile %a[i] lanes 0 + 200 by rows %w[0] to columns 0 + 320 : ...
    } epilogue(%product: !stream.vector<f32>) {
      %0 = stream.max %product, %zero
      stream.write %0, %y[i] : ...
    }
    ```
    Installs each K tile in a plane, passes the rows of A through it, and hands
    each accumulated row to the epilogue, a flow body of `rows` iterations: fp32
    for fp16 operands, int32 for int8.
  }];
  let arguments = (ins Stream_I64:$rows);
  let regions = (region SizedRegion<1>:$kTiles, SizedRegion<1>:$epilogue);
  let assemblyFormat = [{
    `rows` $rows attr-dict-with-keyword $kTiles `epilogue` `` custom<Epilogue>($epilogue)
  }];
  let extraClassDefinition = [{
    void $cppClass::getAsmBlockArgumentNames(::mlir::Region &region, ::mlir::OpAsmSetValueNameFn setName) {
      for (::mlir::BlockArgument argument : region.getArguments())
        setName(argument, "product");
    }
  }];
  let hasRegionVerifier = 1;
}

def Stream_KTileOp : Stream_Op<"k_tile", [HasParent<"JobOp">]> {
  let summary = "One step of a job's sum";
  let description = [{
    Element k of the step is lane a_lane + k of A's row, k < k_count. By rows:
    weight row k is row b_row + k of B, of which the columns (lanes) column ..
    column + column_count - 1 are taken, the others being zero. By columns: weight
    column n is row b_row + n of B, of which lanes b_lane + k are taken; it becomes
    result column `column` + n.
  }];
  let arguments = (ins Stream_TileType:$a, Stream_RowsProp:$a_rows,
                       Stream_I64:$a_lane, Stream_I64:$k_count, UnitAttr:$by_columns,
                       Stream_TileType:$b, Stream_I64:$b_row, Stream_I64:$b_chunk,
                       DefaultValuedProp<Stream_I64, "0">:$b_lane,
                       Stream_I64:$column, Stream_I64:$column_count);
  let assemblyFormat = [{
    $a `` custom<Rows>($a_rows) `lanes` $a_lane `+` $k_count `by` (`columns` $by_columns^) : (`rows`)?
    $b `` custom<FirstRow>($b_row, $b_chunk) (`from` `lane` $b_lane^)?
    `to` `columns` $column `+` $column_count attr-dict `:` type($a) `,` type($b)
  }];
}

def Stream_GatherOp : Stream_KernelOp<"gather"> {
  let summary = "Copies table rows that data names";
  let description = [{
    Row i of the result is the table row whose number is in lane 0 of row i of the
    index, an i32; negative numbers count from the end, and numbers outside the
    table are clamped.
  }];
  let arguments = (ins StrAttr:$label, Stream_I64:$iterations, Stream_TileType:$table,
                       Stream_TileType:$index, Stream_RowsProp:$index_rows,
                       Stream_TileType:$out, Stream_RowsProp:$out_rows);
  let assemblyFormat = [{
    $label `iterations` $iterations `rows` `of` $table `at` $index `` custom<Rows>($index_rows)
    `to` $out `` custom<Rows>($out_rows) attr-dict `:` type($table) `,` type($index) `,` type($out)
  }];
  let hasVerifier = 1;
}

def Stream_TransposeTileOp : Stream_KernelOp<"transpose_tile"> {
  let summary = "Moves bits between rows and lanes";
  let description = [{
    Row dst_row + l, lane dst_lane + r of the destination becomes row src_row + r,
    lane src_lane + l of the source, r < rows, l < lanes. Other lanes of the
    written rows become zero.
  }];
  let arguments = (ins StrAttr:$label, Stream_I64:$rows, Stream_I64:$lanes,
                       Stream_TileType:$src, Stream_I64:$src_row, Stream_I64:$src_chunk, Stream_I64:$src_lane,
                       Stream_TileType:$dst, Stream_I64:$dst_row, Stream_I64:$dst_chunk, Stream_I64:$dst_lane);
  let assemblyFormat = [{
    $label `rows` $rows `lanes` $lanes
    $src `` custom<FirstRow>($src_row, $src_chunk) `from` `lane` $src_lane
    `to` $dst `` custom<FirstRow>($dst_row, $dst_chunk) `from` `lane` $dst_lane
    attr-dict `:` type($src) `,` type($dst)
  }];
}

def Stream_ValueOp : Stream_Op<"value", [HasParent<"SegmentOp">]> {
  let summary = "A tensor of the model that a tile holds; for debugging";
  let description = [{
    ```mlir
    stream.value "/layer.1/Add_output_0" iteration 1 in %7 row 0 feature 0 shape [1, 8, 64] rows [0, 1, 0] features [0, 0, 1]
        : !stream.tile<8x64xf32, chunk 64>
    ```
    Behind the last write of the tile in this iteration of the segment, element
    (i, j, ...) stands in row `row` + i * rows[0] + ..., and in the feature that
    `features` gives likewise. Several tiles may hold parts of one tensor: each
    has the elements whose row it has. `cut 2 of 64`: the chips of a group have parts
    of it, one after the other along dimension 2, which has 64 elements in the model. No kernel: it changes nothing.
  }];
  let arguments = (ins StrAttr:$label, DefaultValuedProp<Stream_I64, "0">:$iteration, Stream_TileType:$tile,
                       Stream_I64:$row, Stream_I64:$feature, DenseI64ArrayAttr:$shape,
                       DenseI64ArrayAttr:$row_stride, DenseI64ArrayAttr:$feature_stride,
                       DefaultValuedProp<Stream_I64, "-1">:$cut,
                       DefaultValuedProp<Stream_I64, "0">:$cut_size);
  let assemblyFormat = [{
    $label (`iteration` $iteration^)? (`cut` $cut^ `of` $cut_size)? `in` $tile `row` $row `feature` $feature
    `shape` $shape `rows` $row_stride `features` $feature_stride attr-dict `:` type($tile)
  }];
  let hasVerifier = 1;
}

def Stream_ExchangeOp : Stream_KernelOp<"exchange"> {
  let summary = "The chips of a group give rows to one another";
  let description = [{
    ```mlir
    stream.exchange "/AllGather" group 0 rows 8 from %part[0, 0, 0, 0] to %whole[0, 8, 16, 24]
        : !stream.tile<8x64xf16, chunk 64>, !stream.tile<32x64xf16, chunk 64>
    ```
    Sends `rows` rows of the source, from the j-th listed row on, to member j of the
    group, the chip itself included, and writes what member j sends to it from the
    j-th listed row of the destination on. The chip's own number is not known here:
    all members execute the same op, at the same time. All chunks and lanes move, as bits.
  }];
  let arguments = (ins StrAttr:$label, Stream_I64:$group, Stream_I64:$rows,
                       Stream_TileType:$src, DenseI64ArrayAttr:$send,
                       Stream_TileType:$dst, DenseI64ArrayAttr:$recv);
  let assemblyFormat = [{
    $label `group` $group `rows` $rows `from` $src `` $send `to` $dst `` $recv
    attr-dict `:` type($src) `,` type($dst)
  }];
}

//===----------------------------------------------------------------------===//
// Bodies of flows and epilogues
//===----------------------------------------------------------------------===//

class Stream_BodyOp<string mnemonic, list<Trait> traits = []>
    : Stream_Op<mnemonic, traits # [ParentOneOf<["FlowOp", "JobOp"]>]>;

def Stream_ReadOp : Stream_BodyOp<"read", [
    TypesMatchWith<"the result is fp32 or int32 as the tile is of floats or integers", "tile", "result",
                   "::llvm::cast<::lpu::stream::TileType>($_self).getVectorType()">]> {
  let summary = "One row of a chunk per iteration, converted to 32 bits";
  let arguments = (ins Arg<Stream_TileType, "", [MemRead]>:$tile, Stream_RowsProp:$rows);
  let results = (outs Stream_Vector:$result);
  let assemblyFormat = "$tile `` custom<Rows>($rows) attr-dict `:` type($tile)";
}

def Stream_WriteOp : Stream_BodyOp<"write", [
    TypesMatchWith<"the value is fp32 or int32 as the tile is of floats or integers", "tile", "value",
                   "::llvm::cast<::lpu::stream::TileType>($_self).getVectorType()">]> {
  let summary = "Writes a value, converted to the tile's type";
  let description = [{
    In a flow with a running reduction of period p the rows count in periods: once
    per p iterations one row is written.
  }];
  let arguments = (ins Stream_Vector:$value, Arg<Stream_TileType, "", [MemWrite]>:$tile, Stream_RowsProp:$rows);
  let assemblyFormat = "$value `,` $tile `` custom<Rows>($rows) attr-dict `:` type($tile)";
}

def Stream_SplatOp : Stream_BodyOp<"splat", [Pure]> {
  let summary = "The same number in all lanes, held in the instruction that uses it";
  let arguments = (ins TypedAttrInterface:$value);
  let results = (outs Stream_Vector:$result);
  let assemblyFormat = "custom<Splat>($value, type($result)) attr-dict";
  let hasVerifier = 1;
}

def Stream_LaneOp : Stream_BodyOp<"lane", [Pure]> {
  let summary = "The number of each lane";
  let results = (outs Stream_I32:$result);
  let assemblyFormat = "attr-dict";
}

def Stream_BitcastOp : Stream_BodyOp<"bitcast", [Pure]> {
  let summary = "The same bits, taken as the other type";
  let arguments = (ins Stream_Vector:$value);
  let results = (outs Stream_Vector:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `to` type($result)";
}

include "lpu/Stream/AluOps.td"

#endif
