// The contents of an image: bytes, one byte everywhere, bytes that follow from a
// seed, bytes of a file. Binary to text shows bytes; large ones stay in the file.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: lpu-objdump --sram %t.lpu | FileCheck %s
// CHECK: slice 1 bank 0 row 0: 3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c
// CHECK: slice 1 bank 0 row 1: 3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c
// CHECK: slice 2 bank 0 row 7: 5ac389a30c3b0363f83697934d3197c0
// RUN: sed 's,PACKAGE,%t.lpu,' %S/Inputs/file.mlir > %t.file.mlir
// RUN: lpu-translate --isa-to-binary %t.file.mlir -o %t.file.lpu
// RUN: lpu-objdump --sram %t.file.lpu | FileCheck %s --check-prefix=FILE
// The first row of a package is its ELF header.
// FILE: slice 3 bank 1 row 2: 7f454c46020101000000000000000000
// 80 KiB are not shown in hex but refer to the package; the way back is exact.
// RUN: lpu-translate --isa-to-binary %S/Inputs/large.mlir -o %t.large.lpu
// RUN: lpu-translate --binary-to-isa %t.large.lpu -o %t.large.mlir
// RUN: FileCheck %s --check-prefix=LARGE --input-file %t.large.mlir
// LARGE: isa.image slice 0 bank 0 row 0 rows 256 file "{{.*}}large.lpu" offset
// RUN: lpu-translate --isa-to-binary %t.large.mlir -o %t.large2.lpu
// RUN: cmp %t.large.lpu %t.large2.lpu
isa.program @images machine "nano" {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 {
    isa.image slice 1 bank 0 row 0 rows 2 splat 60
    isa.image slice 2 bank 0 row 7 rows 1 random 5
  }
}
