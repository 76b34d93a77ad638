// Every form of tile and kernel prints as it was written, also through the generic syntax.
// RUN: lpu-opt %s | FileCheck %s
// RUN: lpu-opt %s --mlir-print-op-generic | lpu-opt | FileCheck %s
// RUN: lpu-opt %s --emit-bytecode | lpu-opt | FileCheck %s

// CHECK-LABEL: stream.program @"all kernels"
stream.program @"all kernels" {
  // CHECK: %ids = stream.input "ids" host "int64" shape [4] rows [1] features [0] : <4x1xi32, chunk 16>
  %ids = stream.input "ids" host "int64" shape [4] rows [1] features [0] : <4x1xi32, chunk 16>
  // CHECK: %y = stream.output "y" host "float32" shape [2, 2, 16] rows [2, 1, 0] features [0, 0, 1] : <4x16xf32, chunk 16>
  %y = stream.output "y" host "float32" shape [2, 2, 16] rows [2, 1, 0] features [0, 0, 1] : <4x16xf32, chunk 16>
  // CHECK: %table = stream.constant "table" [#stream.source<f32 from "weights.bin"[64, 2048] rows [32 step 16] features [16 step 1]>] : <32x16xf16, chunk 16>
  %table = stream.constant "table" [#stream.source<f32 from "weights.bin"[64, 2048] rows [32 step 16] features [16 step 1]>] : <32x16xf16, chunk 16>
  // One instance per iteration.
  // CHECK: %layer_w = stream.constant "layer/w" weights [
  // CHECK-NEXT: #stream.source<f16 from "weights.bin"[4096, 1024] offset 16 rows [16 step 1] features [20 step 16]>,
  // CHECK-NEXT: #stream.source<i8 from dense<3> : tensor<1xi8> splat offset_binary>] : <16x20xf16, chunk 16>
  %w = stream.constant "layer/w" weights [
    #stream.source<f16 from "weights.bin"[4096, 1024] offset 16 rows [16 step 1] features [20 step 16]>,
    #stream.source<i8 from dense<3> : tensor<1xi8> splat offset_binary>] : <16x20xf16, chunk 16>
  // CHECK: %x = stream.temporary "x" both_halves : <4x16xf16, chunk 16>
  %x = stream.temporary "x" both_halves : <4x16xf16, chunk 16>
  // Two groups of eight features side by side.
  // CHECK: %z = stream.temporary "z" : <4x20xf32, chunk 2 x 8>
  %z = stream.temporary "z" : <4x20xf32, chunk 2 x 8>
  // CHECK: %zt = stream.temporary "zt" : <20x4xf32, chunk 16>
  %zt = stream.temporary "zt" : <20x4xf32, chunk 16>
  // CHECK: stream.segment {
  stream.segment {
    // CHECK: stream.gather "/Gather" iterations 4 rows of %table at %ids[i] to %x[i] : <32x16xf16, chunk 16>, <4x1xi32, chunk 16>, <4x16xf16, chunk 16>
    stream.gather "/Gather" iterations 4 rows of %table at %ids[i] to %x[i] : <32x16xf16, chunk 16>, <4x1xi32, chunk 16>, <4x16xf16, chunk 16>
  }
  // CHECK: stream.segment iterations 2 {
  stream.segment iterations 2 {
    // CHECK: stream.matmul "/MatMul" fp16 {
    stream.matmul "/MatMul" fp16 {
      // CHECK: stream.job rows 4 {
      stream.job rows 4 {
        // CHECK: stream.k_tile %x[i] lanes 0 + 8 by rows %layer_w[0] to columns 0 + 16 :
        stream.k_tile %x[i] lanes 0 + 8 by rows %w[0] to columns 0 + 16 : <4x16xf16, chunk 16>, <16x20xf16, chunk 16>
        // CHECK: stream.k_tile %x[i mod 2 * 2 + i div 2] lanes 8 + 8 by columns %x[0] from lane 4 to columns 0 + 4 :
        stream.k_tile %x[i mod 2 * 2 + i div 2] lanes 8 + 8 by columns %x[0] from lane 4 to columns 0 + 4 : <4x16xf16, chunk 16>, <4x16xf16, chunk 16>
        // CHECK: } epilogue(%product: !stream.vector<f32>) {
      } epilogue(%p: !stream.vector<f32>) {
        %0 = stream.mov %p : <f32>
        // CHECK: stream.write %{{.+}}, %z[3 + i * -1] :
        stream.write %0, %z[3 + i * -1] : <4x20xf32, chunk 2 x 8>
      }
      stream.job rows 4 {
        stream.k_tile %x[i] lanes 0 + 16 by rows %w[0] chunk 1 to columns 0 + 4 : <4x16xf16, chunk 16>, <16x20xf16, chunk 16>
      } epilogue(%p: !stream.vector<f32>) {
        %0 = stream.mov %p : <f32>
        // CHECK: stream.write %{{.+}}, %z[i] chunk 1 :
        stream.write %0, %z[i] chunk 1 : <4x20xf32, chunk 2 x 8>
      }
    }
    // CHECK: stream.transpose_tile "/Transpose" rows 4 lanes 16 %z[0] from lane 0 to %zt[4] from lane 0 : <4x20xf32, chunk 2 x 8>, <20x4xf32, chunk 16>
    stream.transpose_tile "/Transpose" rows 4 lanes 16 %z[0] from lane 0 to %zt[4] from lane 0 : <4x20xf32, chunk 2 x 8>, <20x4xf32, chunk 16>
    // CHECK: stream.flow "/Add" iterations 4 {
    stream.flow "/Add" iterations 4 {
      %0 = stream.read %zt[4 + i * 3] : <20x4xf32, chunk 16>
      // CHECK: stream.read %z[2] :
      %1 = stream.read %z[2] : <4x20xf32, chunk 2 x 8>
      %2 = stream.add %0, %1
      stream.write %2, %y[i] : <4x16xf32, chunk 16>
    }
  }
}
