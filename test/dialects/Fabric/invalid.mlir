// What an op itself can see to be wrong is refused when it is made.
// RUN: lpu-opt %s -split-input-file -verify-diagnostics

// A part of another size than the offsets cut.
func.func @scatter(%x: tensor<4x8xf32>) {
  // expected-error @below {{cuts 'tensor<4x8xf32>' along dim 0, which does not give 'tensor<3x8xf32>'}}
  %0 = fabric.reduce_scatter add %x dim 0 offsets [0, 2, 4] : (tensor<4x8xf32>) -> tensor<3x8xf32>
  return
}

// -----

// Offsets that do not end where the tensor does.
func.func @gather(%x: tensor<2x8xf32>) {
  // expected-error @below {{needs offsets that rise from 0 to 4, one more than members}}
  %0 = fabric.all_gather %x dim 0 offsets [0, 2, 5] : (tensor<2x8xf32>) -> tensor<4x8xf32>
  return
}

// -----

// A group of one chip.
// expected-error @below {{group 1 is not a list of two chips or more}}
fabric.groups [array<i64: 0, 1>, array<i64: 2>]

// -----

// An array without its place.
// expected-error @below {{array 0 needs file, offset and length, or a literal}}
fabric.arrays [{file = "w.bin", offset = 0 : i64}]

// -----

// Tables that are no rows of equal length.
// expected-error @below {{has 3 peers, no multiple of its 2 chips}}
fabric.instances @body on [0, 1] peers [0, 0, 0] sources []
