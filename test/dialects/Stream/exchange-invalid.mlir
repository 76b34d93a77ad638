// What an exchange may not do; all offenders of a program at once.
// RUN: lpu-opt %s -split-input-file -verify-diagnostics

stream.program @lists groups [2, 3] {
  %x = stream.input "x" host "float32" shape [6, 16] rows [1, 0] features [0, 1] : <6x16xf16, chunk 16>
  %wide = stream.input "wide" host "float32" shape [6, 16] rows [1, 0] features [0, 1] : <6x16xf32, chunk 16>
  %z = stream.input "z" host "float32" shape [6, 16] rows [1, 0] features [0, 1] : <6x16xf16, chunk 16>
  %packed = stream.temporary "packed" : <6x16xf16, chunk 2 x 8>
  %t = stream.temporary "t" : <6x16xf16, chunk 16>
  %c = stream.constant "c" [#stream.source<f32 from dense<1.0> : tensor<1xf32> splat>] : <6x16xf16, chunk 16>
  %u = stream.temporary "u" : <6x16xf16, chunk 16>
  stream.segment {
    // expected-error@+1 {{'stream.exchange' op "group" no group 2}}
    stream.exchange "group" group 2 rows 2 from %x[0, 2] to %t[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"members" sends 2 blocks and gets 3; group 1 has 3 members}}
    stream.exchange "members" group 1 rows 2 from %x[0, 2] to %t[0, 2, 4] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"rows" needs rows, and not too many}}
    stream.exchange "rows" group 0 rows 0 from %x[0, 2] to %t[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"type" source and result differ in type or layout}}
    stream.exchange "type" group 0 rows 2 from %wide[0, 2] to %t[0, 2] : <6x16xf32, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"layout" source and result differ in type or layout}}
    stream.exchange "layout" group 0 rows 2 from %x[0, 2] to %packed[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 2 x 8>
    // expected-error@+1 {{"place" source and result are one tile}}
    stream.exchange "place" group 0 rows 2 from %t[0, 2] to %t[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"constant" source: "c" is a constant}}
    stream.exchange "constant" group 0 rows 2 from %c[0, 2] to %t[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"input" result: "z" is an input or a constant}}
    stream.exchange "input" group 0 rows 2 from %x[0, 2] to %z[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"overlap" two members write row 1}}
    stream.exchange "overlap" group 0 rows 2 from %x[0, 2] to %t[1, 0] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"end" source: row 6 of "x" (6 rows)}}
    stream.exchange "end" group 0 rows 2 from %x[0, 5] to %t[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"far" result: row -1 of "t" (6 rows)}}
    stream.exchange "far" group 0 rows 2 from %x[0, 2] to %t[-1, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
    // expected-error@+1 {{"early" source: row 0 of "u", chunk 0 is read before it is written}}
    stream.exchange "early" group 0 rows 2 from %u[0, 0] to %t[0, 2] : <6x16xf16, chunk 16>, <6x16xf16, chunk 16>
  }
}

// -----

// expected-error@+1 {{'stream.program' op has a group of 0 chips (1 to 65536)}}
stream.program @empty groups [0] {
}

// -----

// Rows that no member sends are not written.
stream.program @partly groups [2] {
  %x = stream.input "x" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf16, chunk 16>
  // expected-error@+1 {{'stream.output' op "y" is not written in full}}
  %y = stream.output "y" host "float32" shape [4, 16] rows [1, 0] features [0, 1] : <4x16xf16, chunk 16>
  stream.segment {
    stream.exchange "half" group 0 rows 1 from %x[0, 2] to %y[0, 2] : <4x16xf16, chunk 16>, <4x16xf16, chunk 16>
  }
}
