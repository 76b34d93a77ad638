// Relocations of chips: start cycle, link ports, base registers, shared image segments. Both ways
// between text and binary are exact, and shared bytes stand in the file once.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: lpu-translate --binary-to-isa %t.lpu -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// RUN: lpu-translate --isa-to-binary %t.mlir -o %t2.lpu
// RUN: cmp %t.lpu %t2.lpu
// RUN: lpu-objdump --manifest %t.lpu | FileCheck %s --check-prefix=MANIFEST
// RUN: lpu-objdump --sram %t.lpu | FileCheck %s --check-prefix=SRAM
// RUN: llvm-readelf -S -W %t.lpu | FileCheck %s --check-prefix=SECTIONS
// CHECK: isa.program @relocations machine "nano" interval 400
// CHECK: isa.chip 0 class 0 registers [1, 3, 9] {
// CHECK-NEXT: isa.image slice 1 bank 0 row 0 rows 2 hex [
// CHECK: share 1
// CHECK-NEXT: isa.image slice 2 bank 1 row 3 rows 1 hex ["0a"]
// CHECK-NEXT: isa.image slice 3 bank 0 row 0 rows 1 hex ["0b"] share 2
// CHECK: isa.chip 1 class 0 start 17 links [2, 1, 0, 3] registers [1, 3, 65535] {
// CHECK-NEXT: isa.image slice 5 bank 0 row 9 rows 1 hex ["0b"] share 2
// CHECK-NEXT: isa.image slice 1 bank 0 row 0 rows 2 hex [
// CHECK: share 1
// MANIFEST: initiation interval: 400
// MANIFEST: chip 1: class 0, 2 image segments, start 17, links 2, 1, 0, 3
// SRAM: chip 1 slice 1 bank 0 row 0: 3c3c
// SRAM: chip 1 slice 5 bank 0 row 9: 0b00
// Two rows and one row of 16 lanes.
// SECTIONS: .lpu.image.shared PROGBITS {{[0-9a-f]+ [0-9a-f]+}} 000030
isa.program @relocations machine "nano" interval 400 {
  isa.chip_class 0 {
  }
  isa.chip 0 class 0 registers [1, 3, 9] {
    isa.image slice 1 bank 0 row 0 rows 2 splat 60 share 5
    isa.image slice 2 bank 1 row 3 rows 1 hex ["0a"]
    isa.image slice 3 bank 0 row 0 rows 1 hex ["0b"] share 3
  }
  isa.chip 1 class 0 start 17 links [2, 1, 0, 3] registers [1, 3, 65535] {
    isa.image slice 5 bank 0 row 9 rows 1 hex ["0b"] share 3
    isa.image slice 1 bank 0 row 0 rows 2 splat 60 share 5
  }
}
