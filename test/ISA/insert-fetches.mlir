// Text is placed in banks that no instruction names, and long text is fetched in idle
// cycles; no instruction moves. nano has a buffer of 16 rows of one instruction.
// RUN: lpu-opt --isa-insert-fetches %s -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// The same without the new ops is the program as it was.
// RUN: sed '/isa.fetch/d;/^$/d;s/ text \[.*\] {/ {/' %t.mlir > %t.stripped
// RUN: sed '/^ *\/\//d;/^$/d' %s | diff - %t.stripped
// The result is a package without faults.
// RUN: lpu-translate --isa-to-binary %t.mlir -o %t.lpu
// RUN: lpu-verify %t.lpu

module {
  isa.program @fetches machine "nano" cycles 641 {
    isa.chip_class 0 {
      // Bank 0 of slice 0 is used by instructions: text goes elsewhere.
      // CHECK: isa.queue mem 0 text [0, 1,
      isa.queue mem 0 {
        isa.mem.write at 6 bank = 0, offset = 0, dir = west, stream = 0, last
        isa.halt at 7
      }
      // CHECK: isa.queue mem 2 text
      // CHECK-NOT: isa.fetch
      // CHECK: isa.queue mem 3 text
      isa.queue mem 2 {
        isa.mem.read at 2 bank = 0, offset = 0, dir = west, stream = 0
        isa.loop at 3 iterations 100 period 6 {
          isa.mem.setreg at 0 reg = 1, value = 0
          isa.mem.setreg at 1 reg = 1, value = 0
          isa.mem.setreg at 2 reg = 1, value = 0
          isa.mem.setreg at 3 reg = 1, value = 0
          isa.mem.setreg at 4 reg = 1, value = 0
        }
        isa.halt at 604
      }
      // A loop of 23 instructions is fetched again in every iteration, its first rows
      // at its end.
      // CHECK: isa.loop at 20 iterations 3 period 200
      // CHECK: isa.mem.setreg at 0
      // CHECK: isa.fetch at
      // CHECK: isa.mem.setreg at 90
      // CHECK: isa.fetch at {{.*}} row = {{[2-5]}}, rows
      // CHECK: isa.mem.setreg at 120
      // CHECK: isa.halt at 641
      isa.queue mem 3 {
        isa.mem.setreg at 0 reg = 1, value = 1
        isa.loop at 20 iterations 3 period 200 {
          isa.mem.setreg at 0 reg = 1, value = 2
          isa.mem.setreg at 10 reg = 1, value = 3
          isa.mem.setreg at 11 reg = 1, value = 4
          isa.mem.setreg at 12 reg = 1, value = 4
          isa.mem.setreg at 13 reg = 1, value = 4
          isa.mem.setreg at 14 reg = 1, value = 4
          isa.mem.setreg at 20 reg = 1, value = 4
          isa.mem.setreg at 30 reg = 1, value = 4
          isa.mem.setreg at 40 reg = 1, value = 4
          isa.mem.setreg at 50 reg = 1, value = 4
          isa.mem.setreg at 60 reg = 1, value = 4
          isa.mem.setreg at 70 reg = 1, value = 4
          isa.mem.setreg at 80 reg = 1, value = 4
          isa.mem.setreg at 81 reg = 1, value = 4
          isa.mem.setreg at 90 reg = 1, value = 4
          isa.mem.setreg at 100 reg = 1, value = 4
          isa.mem.setreg at 101 reg = 1, value = 4
          isa.mem.setreg at 102 reg = 1, value = 4
          isa.mem.setreg at 103 reg = 1, value = 4
          isa.mem.setreg at 110 reg = 1, value = 4
          isa.mem.setreg at 120 reg = 1, value = 4
        }
        isa.mem.setreg at 640 reg = 1, value = 7
        isa.halt at 641
      }
    }
    isa.chip 0 class 0 {
      isa.image slice 2 bank 0 row 0 rows 1
    }
  }
}
