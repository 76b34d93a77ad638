// Groups and exchanges print as they were written, also through the generic syntax.
// RUN: lpu-opt %s | FileCheck %s
// RUN: lpu-opt %s --mlir-print-op-generic | lpu-opt | FileCheck %s
// RUN: lpu-opt %s --emit-bytecode | lpu-opt | FileCheck %s

// CHECK: stream.program @both groups [2, 3] {
stream.program @both groups [2, 3] {
  %x = stream.input "x" host "float32" shape [6, 20] rows [1, 0] features [0, 1] : <6x20xf16, chunk 16>
  %all = stream.temporary "all" : <12x20xf16, chunk 16>
  %y = stream.output "y" host "float32" shape [6, 20] rows [1, 0] features [0, 1] : <6x20xf16, chunk 16>
  stream.segment {
    // CHECK: stream.exchange "/AllGather" group 0 rows 6 from %x[0, 0] to %all[0, 6] : <6x20xf16, chunk 16>, <12x20xf16, chunk 16>
    stream.exchange "/AllGather" group 0 rows 6 from %x[0, 0] to %all[0, 6] : <6x20xf16, chunk 16>, <12x20xf16, chunk 16>
    // CHECK: stream.exchange "/AllToAll" group 1 rows 2 from %all[0, 2, 4] to %y[0, 2, 4] : <12x20xf16, chunk 16>, <6x20xf16, chunk 16>
    stream.exchange "/AllToAll" group 1 rows 2 from %all[0, 2, 4] to %y[0, 2, 4] : <12x20xf16, chunk 16>, <6x20xf16, chunk 16>
  }
}
