// All violations are listed, by cycle: the writer one cycle late reads nothing,
// the values that it misses are lost, and the last row was never written.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: not lpu-verify %t.lpu | FileCheck %s
// CHECK: fault: empty-read at cycle 4 on chip 0
// CHECK-NEXT: offender: chip 0 mem 1 [0] at cycle 4: mem.write
// CHECK-NEXT: east stream 0, key 1 holds no value
// CHECK: fault: uninitialised-read at cycle 6 on chip 0
// CHECK-NEXT: offender: chip 0 mem 0 [0] at cycle 6: mem.read
// CHECK-NEXT: row 3 of bank 0 was neither loaded nor written
// CHECK: fault: live-value-lost at cycle 12 on chip 0
// CHECK-NEXT: offender: chip 0 mem 0 [0] at cycle 0: mem.read
// CHECK-NEXT: east stream 0, key 0 is still live at the edge
// CHECK-NEXT: one is shown for each class and pair of instructions
// CHECK-NEXT: refused: {{[0-9]+}} violations
isa.program @all_violations machine "nano" cycles 0 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 0 repeat 4 every 2 bank = 0, offset = 0, stride = 1, dir = east, stream = 0
      isa.halt at 7
    }
    isa.queue mem 1 text [7, 1, 1020] {
      isa.mem.write at 4 repeat 4 every 2 bank = 0, offset = 0, stride = 1, dir = east, stream = 0, last
      isa.halt at 11
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 3 hex ["fee32279f2bc068266a752c0ba9551f2", "fee32279f2bc068266a752c0ba9551f2", "fee32279f2bc068266a752c0ba9551f2"]
  }
}
