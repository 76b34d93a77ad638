// Four chips in a row: the first sends a vector, two of one class pass it on, the last
// keeps it. The two have the same text, other starts, and other ports for their links.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// CHECK: cycles: 115
// CHECK: chip 3 slice 0 bank 0 row 1: fee32279f2bc068266a752c0ba9551f2

// Cycles of chips and parties are program cycles: chip 2 starts one too early.
// RUN: sed 's/start 67/start 66/' %s > %t.early.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.early.mlir %t --fault | FileCheck %s --check-prefix=EARLY
// EARLY: fault: link-underrun at cycle 71 on chip 2
// EARLY-NEXT: {{^}}  offender: chip 2 link_recv 0 [0] at cycle 71: link_recv.recv
// EARLY-NEXT: {{^}}  other: chip 1 link_send 2 [0] at cycle 48: link_send.send
// EARLY-NEXT: {{^}}  the oldest vector is receivable from cycle 72

// Without the relocation of its links chip 2 has no wire where it sends.
// RUN: sed 's/links .2, 1, 0, 3.//; s/to chip 2 link 2/to chip 2 link 0/' %s > %t.wire.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.wire.mlir %t --fault | FileCheck %s --check-prefix=WIRE
// WIRE: fault: link-overrun at cycle 86 on chip 2
// WIRE-NEXT: {{^}}  offender: chip 2 link_send 2 [0] at cycle 86: link_send.send
isa.program @chain machine "nano" cycles 115 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 6 bank = 0, offset = 0, dir = west, stream = 0
      isa.halt at 7
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 10 stream = 0, last
      isa.halt at 11
    }
  }
  isa.chip_class 1 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.write at 8 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.mem.read at 15 bank = 0, offset = 1, dir = west, stream = 0
      isa.halt at 16
    }
    isa.queue link_recv 0 text [7, 1, 1010] {
      isa.link_recv.recv at 5 stream = 0
      isa.halt at 6
    }
    isa.queue link_send 2 text [7, 1, 1020] {
      isa.link_send.send at 19 stream = 0, last
      isa.halt at 20
    }
  }
  isa.chip_class 2 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.write at 8 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 9
    }
    isa.queue link_recv 0 text [7, 1, 1020] {
      isa.link_recv.recv at 5 stream = 0
      isa.halt at 6
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.chip 1 class 1 start 29 {
  }
  isa.chip 2 class 1 start 67 links [2, 1, 0, 3] {
  }
  isa.chip 3 class 2 start 105 {
  }
  isa.wire chip 0 link 0 to chip 1 link 0
  isa.wire chip 1 link 2 to chip 2 link 2
  isa.wire chip 2 link 0 to chip 3 link 0
}
