// All offenders of a program are reported at once, each at its op and with its ONNX node.
// RUN: lpu-opt %s -verify-diagnostics

stream.program @offenders {
  %x = stream.input "x" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf32, chunk 16>
  %t = stream.temporary "t" : <4x16xf32, chunk 16>
  %h = stream.temporary "h" : <4x16xf16, chunk 16>
  // expected-error@+1 {{'stream.output' op "y" is not written in full}}
  %y = stream.output "y" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf32, chunk 16>
  stream.segment {
    // expected-error@+1 {{'stream.flow' op "/layer/Exp" read: row 4 of "x" (4 rows)}}
    stream.flow "/layer/Exp" iterations 5 {
      %0 = stream.read %x[i] : <4x16xf32, chunk 16>
      %1 = stream.exp2 %0
      stream.write %1, %y[0] : <4x16xf32, chunk 16>
    }
    // expected-error@+1 {{'stream.flow' op "/layer/Add" read: row 0 of "t", chunk 0 is read before it is written}}
    stream.flow "/layer/Add" iterations 4 {
      %0 = stream.read %t[i] : <4x16xf32, chunk 16>
      %1 = stream.neg %0
      stream.write %1, %y[1] : <4x16xf32, chunk 16>
    }
    // expected-error@+1 {{'stream.flow' op "/layer/Copy" write: "x" is an input or a constant}}
    stream.flow "/layer/Copy" iterations 4 {
      %0 = stream.read %x[i] : <4x16xf32, chunk 16>
      %1 = stream.mov %0 : <f32>
      stream.write %1, %x[i] : <4x16xf32, chunk 16>
    }
    // expected-error@+3 {{'stream.matmul' op "/layer/MatMul" job 0: operand A has another type}}
    // expected-error@+2 {{'stream.matmul' op "/layer/MatMul" job 0: operand B: row 0 of "h", chunk 0 is read before it is written}}
    // expected-error@+1 {{'stream.matmul' op "/layer/MatMul" job 0: operand B: row 4 of "h" (4 rows)}}
    stream.matmul "/layer/MatMul" fp16 {
      stream.job rows 4 {
        stream.k_tile %x[i] lanes 0 + 4 by rows %h[0] to columns 0 + 16 : <4x16xf32, chunk 16>, <4x16xf16, chunk 16>
        stream.k_tile %x[i] lanes 0 + 8 by rows %h[0] to columns 0 + 16 : <4x16xf32, chunk 16>, <4x16xf16, chunk 16>
      } epilogue(%p: !stream.vector<f32>) {
        %0 = stream.mov %p : <f32>
        stream.write %0, %h[i] : <4x16xf16, chunk 16>
      }
    }
    // expected-error@+1 {{'stream.gather' op "/layer/Gather" the index is not i32}}
    stream.gather "/layer/Gather" iterations 4 rows of %x at %x[i] to %t[i] : <4x16xf32, chunk 16>, <4x16xf32, chunk 16>, <4x16xf32, chunk 16>
  }
}
