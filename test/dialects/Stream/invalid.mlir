// One rule per case; the message stands at the tile or kernel and names its ONNX node.
// RUN: lpu-opt %s -split-input-file -verify-diagnostics

// Integers added as floats.
stream.program @types {
  %n = stream.input "n" host "int32" shape [1] rows [0] features [0] : <1x1xi32, chunk 16>
  %y = stream.output "y" host "int32" shape [1] rows [0] features [0] : <1x1xi32, chunk 16>
  stream.segment {
    stream.flow "/Add" iterations 1 {
      // expected-note@+1 {{prior use here}}
      %0 = stream.read %n[0] : <1x1xi32, chunk 16>
      // expected-error@+1 {{expects different type than prior uses: '!stream.vector<f32>' vs '!stream.vector<i32>'}}
      %1 = stream.add %0, %0
      stream.write %1, %y[0] : <1x1xi32, chunk 16>
    }
  }
}

// -----

// The chip stores six element types.
// expected-error@+2 {{a chip stores i8, ui8, i16, f16, i32 and f32, not 'f64'}}
stream.program @element {
  %x = stream.temporary "x" : <1x1xf64, chunk 16>
}

// -----

// Only bytes have an offset.
stream.program @offset {
  // expected-error@+1 {{offset binary is a form of i8, not of 'f32'}}
  %x = stream.constant "x" [#stream.source<f32 from dense<1.0> : tensor<1xf32> offset_binary>] : <1x1xf32, chunk 16>
}

// -----

// An instruction holds one number.
stream.program @numbers {
  %y = stream.output "y" host "float32" shape [1] rows [0] features [0] : <1x1xf32, chunk 16>
  stream.segment {
    stream.flow "/Sub" iterations 1 {
      %a = stream.splat 1.0 : f32
      %b = stream.splat 2.0 : f32
      // expected-error@+1 {{takes two numbers; an instruction holds one, and a stream.mov makes a value of the other}}
      %0 = stream.sub %a, %b
      stream.write %0, %y[0] : <1x1xf32, chunk 16>
    }
  }
}

// -----

// Only instructions have results that can be written.
stream.program @splat {
  %y = stream.output "y" host "float32" shape [1] rows [0] features [0] : <1x1xf32, chunk 16>
  stream.segment {
    stream.flow "/Constant" iterations 1 {
      %a = stream.splat 1.0 : f32
      // expected-error@+1 {{takes what no instruction has made; a stream.mov would}}
      stream.write %a, %y[0] : <1x1xf32, chunk 16>
    }
  }
}

// -----

// int8 products add up to int32.
stream.program @product {
  %x = stream.input "x" host "int8" shape [1] rows [0] features [0] : <1x1xi8, chunk 16>
  %w = stream.constant "w" weights [#stream.source<i8 from dense<1> : tensor<1xi8>>] : <1x1xi8, chunk 16>
  stream.segment {
    stream.matmul "/MatMulInteger" int8 {
      // expected-error@+1 {{has a product of 'f32'; sums of int8 products are i32}}
      stream.job rows 1 {
        stream.k_tile %x[i] lanes 0 + 1 by rows %w[0] to columns 0 + 1 : <1x1xi8, chunk 16>, <1x1xi8, chunk 16>
      } epilogue(%p: !stream.vector<f32>) {
      }
    }
  }
}

// -----

// Everything else in a body is foreign, wherever it comes from.
stream.program @foreign {
  stream.segment {
    stream.flow "/Add" iterations 1 {
      // expected-error@+1 {{is no part of a stream program}}
      %0 = arith.constant 1.0 : f32
    }
  }
}

// -----

// A source is in a file or in the program, and its elements have the stated type.
stream.program @source {
  // expected-error@+1 {{the elements of this source are a tensor<Nx'f32'>, not 'tensor<1xf16>'}}
  %x = stream.constant "x" [#stream.source<f32 from dense<1.0> : tensor<1xf16>>] : <1x1xf32, chunk 16>
}

// -----

// The number of an inner loop is written twice and must agree.
stream.program @inner {
  %x = stream.input "x" host "float32" shape [4] rows [1] features [0] : <4x1xf32, chunk 16>
  stream.segment {
    stream.flow "/Add" iterations 4 {
      // expected-error@+1 {{mod and div take the same positive number of inner iterations}}
      %0 = stream.read %x[i mod 2 + i div 4] : <4x1xf32, chunk 16>
    }
  }
}

// -----

// Constants of a loop have one source or one per iteration.
stream.program @instances {
  %c = stream.constant "c" [#stream.source<f32 from dense<1.0> : tensor<1xf32>>, #stream.source<f32 from dense<2.0> : tensor<1xf32>>] : <1x1xf32, chunk 16>
  %y = stream.output "y" host "float32" shape [1] rows [0] features [0] : <1x1xf32, chunk 16>
  stream.segment iterations 3 {
    // expected-error@+1 {{"/Neg" read: constant "c" has 2 instances for 3 iterations}}
    stream.flow "/Neg" iterations 1 {
      %0 = stream.read %c[0] : <1x1xf32, chunk 16>
      %1 = stream.neg %0
      stream.write %1, %y[0] : <1x1xf32, chunk 16>
    }
  }
}

// -----

// Numbers from text are not trusted.
stream.program @huge {
  // expected-error@+1 {{"x" has more elements than any chip}}
  %x = stream.temporary "x" : <1000000000000x8xf32, chunk 16>
}

// -----

// The instruction counts the rows of a running reduction in 12 bits.
stream.program @period {
  %x = stream.input "x" host "float32" shape [4096, 1] rows [1, 0] features [0, 1] : <4096x1xf32, chunk 16>
  %y = stream.output "y" host "float32" shape [1] rows [0] features [0] : <1x1xf32, chunk 16>
  stream.segment {
    // expected-error@+1 {{"/ReduceSum" a reduction over 4096 rows; one can take 4095}}
    stream.flow "/ReduceSum" iterations 4096 {
      %0 = stream.read %x[i] : <4096x1xf32, chunk 16>
      %1 = stream.acc_sum %0 period 4096
      stream.write %1, %y[i] : <1x1xf32, chunk 16>
    }
  }
}
