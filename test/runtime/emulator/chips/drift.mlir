// Clocks drift. Within the bound (200 ppm each: 2 x 200 ppm x 10,000 cycles of resync
// are the margin of 4) no bit and no cycle changes; the receiver's chip starts later.
// RUN: %python %S/../Inputs/run_isa.py %s %t | FileCheck %s
// RUN: %python %S/../Inputs/run_isa.py %s %t --options "--drift 0:200,1:-200" | FileCheck %s
// RUN: %python %S/../Inputs/run_isa.py %s %t --options "--drift 0:-200,1:200" | FileCheck %s
// RUN: %python %S/../Inputs/run_isa.py %s %t --options "--drift-random 1:200" | FileCheck %s
// RUN: %python %S/../Inputs/run_isa.py %s %t --options "--drift-random 2:200" | FileCheck %s
// CHECK: cycles: 9029
// CHECK: chip 1 slice 0 bank 0 row 1: fee32279f2bc068266a752c0ba9551f2

// Beyond it the receive is a drift fault: 5 cycles of the sender's clock after 8,999.
// RUN: %python %S/../Inputs/run_isa.py %s %t --options "--drift 0:600" --fault --dynamic | FileCheck %s --check-prefix=BEYOND
// BEYOND: fault: drift at cycle 9024 on chip 1
// BEYOND-NEXT: {{^}}  offender: chip 1 link_recv 0 [0] at cycle 9024: link_recv.recv
// BEYOND-NEXT: {{^}}  other: chip 0 link_send 0 [0] at cycle 9000: link_send.send
// BEYOND-NEXT: {{^}}  the clocks have drifted apart by 5 cycles, the margin is 4

// A resynchronisation on the way, and the same clock is near enough.
// RUN: sed 's/control.resync at 1$/control.resync at 5000/; s/halt at 2$/halt at 5001/' %s > %t.resync.mlir
// RUN: %python %S/../Inputs/run_isa.py %t.resync.mlir %t --options "--drift 0:600" | FileCheck %s

// The verifier states what clocks this program tolerates: margin / (8,999 + 8,024 cycles).
// RUN: lpu-translate --isa-to-binary %s -o %t.lpu
// RUN: lpu-verify %t.lpu | FileCheck %s --check-prefix=CLOCKS
// CLOCKS: clocks may be off by 235.0 ppm: two run for 17023 cycles between resynchronisation and link

// RUN: not lpu-run %t.lpu --drift 2:5 2>&1 | FileCheck %s --check-prefix=CHIP
// CHIP: --drift names chip 2; the package has 2 chips
isa.program @drift machine "nano" cycles 9029 {
  isa.chip_class 0 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.read at 8996 bank = 0, offset = 0, dir = west, stream = 0
      isa.halt at 8997
    }
    isa.queue link_send 0 text [7, 1, 1020] {
      isa.link_send.send at 9000 stream = 0, last
      isa.halt at 9001
    }
    isa.queue control 0 text [7, 1, 1016] {
      isa.control.resync at 1
      isa.halt at 2
    }
  }
  isa.chip_class 1 {
    isa.queue mem 0 text [0, 1, 1020] {
      isa.mem.write at 8027 bank = 0, offset = 1, dir = east, stream = 0, last
      isa.halt at 8028
    }
    isa.queue link_recv 0 text [7, 1, 1020] {
      isa.link_recv.recv at 8024 stream = 0
      isa.halt at 8025
    }
  }
  isa.chip 0 class 0 {
    isa.image slice 0 bank 0 row 0 rows 1 hex ["fee32279f2bc068266a752c0ba9551f2"]
  }
  isa.chip 1 class 1 start 1000 {
  }
  isa.wire chip 0 link 0 to chip 1 link 0
}
