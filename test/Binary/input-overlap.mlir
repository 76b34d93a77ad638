// What the host writes as an input is not what the package puts there: rows of an input
// that the image or the text has make no package.
// RUN: sed 's/(0 0 0 8)/(0 0 0 3)/' %S/package.mlir > %t.mlir
// RUN: not lpu-translate --isa-to-binary %t.mlir -o %t.lpu 2>&1 | FileCheck %s
// RUN: not ls %t.lpu
// CHECK: input 'x': row 3 of chip 0 slice 0 bank 0 belongs to the image or the text of the chip
