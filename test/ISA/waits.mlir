// Waits follow from issue cycles; a gap of more than 65,535 cycles takes a bridging
// nop, which the text form does not show.
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: lpu-objdump --sram %t.lpu | FileCheck %s
// RUN: lpu-translate --binary-to-isa %t.lpu -o %t.mlir
// RUN: sed '/^\/\//d' %s | diff - %t.mlir
// Bits 8-23 of a word are the wait: 7, then 65535, then a nop (01) of 65,536 idle cycles.
// CHECK: bank 0 row 0: 14070001
// CHECK: bank 0 row 1: 14ffff01
// CHECK: bank 0 row 2: 01000001000100000100
// CHECK: bank 0 row 3: 14000001
// A loop starts at 200000; its end of iteration is bridged too.
// CHECK: bank 0 row 4: 02
// CHECK: bank 0 row 5: 14000001
// CHECK: bank 0 row 6: 010000010001
// CHECK: bank 0 row 7: 03000001000102
module {
  isa.program @waits machine "nano" {
    isa.chip_class 0 {
      isa.queue mem 1 text [0, 0, 0] {
        isa.mem.setreg at 7 reg = 1, value = 1
        isa.mem.setreg at 65543 reg = 1, value = 2
        isa.mem.setreg at 131081 reg = 1, value = 3
        isa.loop at 131082 iterations 2 period 70000 {
          isa.mem.setreg at 0 reg = 1, value = 4
        }
        isa.halt at 271083
      }
    }
    isa.chip 0 class 0 {
    }
  }
}
