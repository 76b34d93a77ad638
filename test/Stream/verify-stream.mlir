// verify-stream closes the layer: programs that a larger machine could run are refused on a
// small one, all offenders at once; what is no stream program may not remain.
// RUN: lpu-opt %s --verify-stream=target=%root/test/Inputs/mini.yaml -split-input-file -verify-diagnostics
// RUN: not lpu-opt %s --verify-stream=target=%t.yaml -split-input-file 2>&1 | FileCheck %s
// CHECK: error: {{.*}}.yaml

stream.program @limits {
  // expected-error@+1 {{'stream.input' op "wide" groups of 320 x 1 do not fit 16 lanes}}
  %x = stream.input "wide" host "float32" shape [4, 320] rows [1, 0] features [0, 1] : <4x320xf32, chunk 320>
}

// -----

stream.program @units {
  %x = stream.input "x" host "float32" shape [4, 16] rows [1, 0] features [0, 1] both_halves : <4x16xf16, chunk 16>
  %w = stream.constant "w" weights [#stream.source<f32 from "w.bin"[0, 64] rows [16 step 1]>] : <16x16xf16, chunk 16>
  %y = stream.output "y" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf32, chunk 16>
  stream.segment {
    // expected-error@+1 {{'stream.flow' op "/Softmax" needs 3 reduction ALUs of 2}}
    stream.flow "/Softmax" iterations 4 {
      %0 = stream.read %x[i] : <4x16xf16, chunk 16>
      %1 = stream.reduce_max %0
      %2 = stream.reduce_sum %1
      %3 = stream.reduce_sum %2
      stream.write %3, %y[i] : <4x16xf32, chunk 16>
    }
    // A plane of 16 rows takes 8 rows of fp16.
    // expected-error@+1 {{'stream.matmul' op "/MatMul" job 0: a K tile of 16 rows (1 to 8)}}
    stream.matmul "/MatMul" fp16 {
      stream.job rows 4 {
        stream.k_tile %x[i] lanes 0 + 16 by rows %w[0] to columns 0 + 16 : <4x16xf16, chunk 16>, <16x16xf16, chunk 16>
      } epilogue(%p: !stream.vector<f32>) {
        %0 = stream.mov %p : <f32>
        stream.write %0, %y[i] : <4x16xf32, chunk 16>
      }
    }
  }
}

// -----

// expected-error@+1 {{is no stream program}}
func.func private @left()
