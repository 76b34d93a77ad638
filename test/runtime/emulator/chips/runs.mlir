// Repeated runs of a chain of three chips: each passes a vector on, adding nothing. A
// run takes 77 cycles, the next starts 27 cycles behind it: three are under way at once.
// RUN: %python %S/../Inputs/run_isa.py %s %t --options "--runs 5" | FileCheck %s
// CHECK: cycles: 77
// CHECK-NEXT: runs: 5
// CHECK-NEXT: initiation interval: 27 cycles, 0.270 us
// CHECK-NEXT: cycles of all runs: 185
// CHECK-NEXT: chip 1 slice 0 bank 0 row 1: fee32279f2bc068266a752c0ba9551f2
// CHECK-NEXT: chip 2 slice 0 bank 0 row 1: fee32279f2bc068266a752c0ba9551f2

// Timing alone gives the same, class by class.
// RUN: lpu-run %t.lpu --no-data --runs 5 | FileCheck %s --check-prefix=FREE
// FREE: cycles: 77
// FREE: issues: 40
// FREE: cycles of all runs: 185

// At 26 cycles the chip in the middle is not over in time: its run takes 20, the restart 7.
// RUN: sed 's/interval 27/interval 26/' %s > %t.short.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.short.mlir %t.short --fault --options "--runs 5" | FileCheck %s --check-prefix=SHORT
// SHORT: fault: run-overlap at cycle 49 on chip 1
// SHORT-NEXT: {{^}}  offender: chip 1 link_send 0 [1] at cycle 48: halt
// RUN: not lpu-run %t.short.lpu --no-data --runs 5 2>&1 | FileCheck %s --check-prefix=SHORT

// Without an interval there is one run.
// RUN: sed 's/interval 27//' %s > %t.one.mlir
// RUN: lpu-translate --isa-to-binary %t.one.mlir -o %t.one.lpu
// RUN: not lpu-run %t.one.lpu --runs 2 2>&1 | FileCheck %s --check-prefix=ONE
// ONE: lpu-run: --runs: the package states no initiation interval
isa.program @runs machine "nano" cycles 77 interval 27 {
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
      isa.mem.read at 14 bank = 0, offset = 1, dir = west, stream = 0
      isa.halt at 15
    }
    isa.queue link_recv 0 text [7, 1, 1010] {
      isa.link_recv.recv at 5 stream = 0
      isa.halt at 6
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 18 stream = 0, last
      isa.halt at 19
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
  isa.chip 2 class 2 start 67 {
  }
  isa.wire chip 0 link 0 to chip 1 link 0
  isa.wire chip 1 link 0 to chip 2 link 0
}
