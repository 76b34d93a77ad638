// Queues that compete for the ports of the text banks: mem 1, 2, 4 and 5 have idle cycles
// enough, and if they come first, as they do, mem 6 starves. It is placed before them then.
// RUN: lpu-opt --isa-insert-fetches %s -o %t.mlir
// RUN: FileCheck %s --input-file %t.mlir
// RUN: lpu-translate --isa-to-binary %t.mlir -o %t.lpu
// RUN: lpu-verify %t.lpu
// CHECK: isa.queue mem 1 text
// CHECK: isa.fetch
// CHECK: isa.queue mem 6 text
// CHECK: isa.fetch

module {
  isa.program @p machine "nano" cycles 71 {
    isa.chip_class 0 {
      isa.queue mem 1 {
        isa.mem.setreg at 0 reg = 1, value = 0
        isa.mem.setreg at 1 reg = 1, value = 0
        isa.mem.setreg at 2 reg = 1, value = 0
        isa.mem.setreg at 3 reg = 1, value = 0
        isa.mem.setreg at 4 reg = 1, value = 0
        isa.mem.setreg at 5 reg = 1, value = 0
        isa.mem.setreg at 6 reg = 1, value = 0
        isa.mem.setreg at 7 reg = 1, value = 0
        isa.mem.setreg at 20 reg = 1, value = 1
        isa.mem.setreg at 21 reg = 1, value = 1
        isa.mem.setreg at 22 reg = 1, value = 1
        isa.mem.setreg at 23 reg = 1, value = 1
        isa.mem.setreg at 24 reg = 1, value = 1
        isa.mem.setreg at 25 reg = 1, value = 1
        isa.mem.setreg at 26 reg = 1, value = 1
        isa.mem.setreg at 27 reg = 1, value = 1
        isa.mem.setreg at 40 reg = 1, value = 2
        isa.mem.setreg at 41 reg = 1, value = 2
        isa.mem.setreg at 42 reg = 1, value = 2
        isa.mem.setreg at 43 reg = 1, value = 2
        isa.mem.setreg at 44 reg = 1, value = 2
        isa.mem.setreg at 45 reg = 1, value = 2
        isa.mem.setreg at 46 reg = 1, value = 2
        isa.mem.setreg at 47 reg = 1, value = 2
        isa.mem.setreg at 60 reg = 1, value = 3
        isa.mem.setreg at 61 reg = 1, value = 3
        isa.mem.setreg at 62 reg = 1, value = 3
        isa.mem.setreg at 63 reg = 1, value = 3
        isa.mem.setreg at 64 reg = 1, value = 3
        isa.mem.setreg at 65 reg = 1, value = 3
        isa.mem.setreg at 66 reg = 1, value = 3
        isa.mem.setreg at 67 reg = 1, value = 3
        isa.halt at 71
      }
      isa.queue mem 2 {
        isa.mem.setreg at 0 reg = 1, value = 0
        isa.mem.setreg at 1 reg = 1, value = 0
        isa.mem.setreg at 2 reg = 1, value = 0
        isa.mem.setreg at 3 reg = 1, value = 0
        isa.mem.setreg at 4 reg = 1, value = 0
        isa.mem.setreg at 5 reg = 1, value = 0
        isa.mem.setreg at 6 reg = 1, value = 0
        isa.mem.setreg at 7 reg = 1, value = 0
        isa.mem.setreg at 20 reg = 1, value = 1
        isa.mem.setreg at 21 reg = 1, value = 1
        isa.mem.setreg at 22 reg = 1, value = 1
        isa.mem.setreg at 23 reg = 1, value = 1
        isa.mem.setreg at 24 reg = 1, value = 1
        isa.mem.setreg at 25 reg = 1, value = 1
        isa.mem.setreg at 26 reg = 1, value = 1
        isa.mem.setreg at 27 reg = 1, value = 1
        isa.mem.setreg at 40 reg = 1, value = 2
        isa.mem.setreg at 41 reg = 1, value = 2
        isa.mem.setreg at 42 reg = 1, value = 2
        isa.mem.setreg at 43 reg = 1, value = 2
        isa.mem.setreg at 44 reg = 1, value = 2
        isa.mem.setreg at 45 reg = 1, value = 2
        isa.mem.setreg at 46 reg = 1, value = 2
        isa.mem.setreg at 47 reg = 1, value = 2
        isa.mem.setreg at 60 reg = 1, value = 3
        isa.mem.setreg at 61 reg = 1, value = 3
        isa.mem.setreg at 62 reg = 1, value = 3
        isa.mem.setreg at 63 reg = 1, value = 3
        isa.mem.setreg at 64 reg = 1, value = 3
        isa.mem.setreg at 65 reg = 1, value = 3
        isa.mem.setreg at 66 reg = 1, value = 3
        isa.mem.setreg at 67 reg = 1, value = 3
        isa.halt at 71
      }
      isa.queue mem 3 {
        isa.mem.setreg at 0 reg = 1, value = 0
        isa.mem.setreg at 1 reg = 1, value = 0
        isa.mem.setreg at 2 reg = 1, value = 0
        isa.mem.setreg at 3 reg = 1, value = 0
        isa.mem.setreg at 4 reg = 1, value = 0
        isa.mem.setreg at 5 reg = 1, value = 0
        isa.mem.setreg at 6 reg = 1, value = 0
        isa.mem.setreg at 7 reg = 1, value = 0
        isa.mem.setreg at 8 reg = 1, value = 0
        isa.mem.setreg at 9 reg = 1, value = 0
        isa.mem.setreg at 10 reg = 1, value = 0
        isa.mem.setreg at 20 reg = 1, value = 1
        isa.mem.setreg at 21 reg = 1, value = 1
        isa.mem.setreg at 22 reg = 1, value = 1
        isa.mem.setreg at 23 reg = 1, value = 1
        isa.mem.setreg at 24 reg = 1, value = 1
        isa.mem.setreg at 25 reg = 1, value = 1
        isa.mem.setreg at 26 reg = 1, value = 1
        isa.mem.setreg at 27 reg = 1, value = 1
        isa.mem.setreg at 28 reg = 1, value = 1
        isa.mem.setreg at 29 reg = 1, value = 1
        isa.mem.setreg at 30 reg = 1, value = 1
        isa.mem.setreg at 40 reg = 1, value = 2
        isa.mem.setreg at 41 reg = 1, value = 2
        isa.mem.setreg at 42 reg = 1, value = 2
        isa.mem.setreg at 43 reg = 1, value = 2
        isa.mem.setreg at 44 reg = 1, value = 2
        isa.mem.setreg at 45 reg = 1, value = 2
        isa.mem.setreg at 46 reg = 1, value = 2
        isa.mem.setreg at 47 reg = 1, value = 2
        isa.mem.setreg at 48 reg = 1, value = 2
        isa.mem.setreg at 49 reg = 1, value = 2
        isa.mem.setreg at 50 reg = 1, value = 2
        isa.mem.setreg at 60 reg = 1, value = 3
        isa.mem.setreg at 61 reg = 1, value = 3
        isa.mem.setreg at 62 reg = 1, value = 3
        isa.mem.setreg at 63 reg = 1, value = 3
        isa.mem.setreg at 64 reg = 1, value = 3
        isa.mem.setreg at 65 reg = 1, value = 3
        isa.mem.setreg at 66 reg = 1, value = 3
        isa.mem.setreg at 67 reg = 1, value = 3
        isa.mem.setreg at 68 reg = 1, value = 3
        isa.mem.setreg at 69 reg = 1, value = 3
        isa.mem.setreg at 70 reg = 1, value = 3
        isa.halt at 71
      }
      isa.queue mem 4 {
        isa.mem.setreg at 0 reg = 1, value = 0
        isa.mem.setreg at 1 reg = 1, value = 0
        isa.mem.setreg at 2 reg = 1, value = 0
        isa.mem.setreg at 3 reg = 1, value = 0
        isa.mem.setreg at 4 reg = 1, value = 0
        isa.mem.setreg at 5 reg = 1, value = 0
        isa.mem.setreg at 6 reg = 1, value = 0
        isa.mem.setreg at 7 reg = 1, value = 0
        isa.mem.setreg at 20 reg = 1, value = 1
        isa.mem.setreg at 21 reg = 1, value = 1
        isa.mem.setreg at 22 reg = 1, value = 1
        isa.mem.setreg at 23 reg = 1, value = 1
        isa.mem.setreg at 24 reg = 1, value = 1
        isa.mem.setreg at 25 reg = 1, value = 1
        isa.mem.setreg at 26 reg = 1, value = 1
        isa.mem.setreg at 27 reg = 1, value = 1
        isa.mem.setreg at 40 reg = 1, value = 2
        isa.mem.setreg at 41 reg = 1, value = 2
        isa.mem.setreg at 42 reg = 1, value = 2
        isa.mem.setreg at 43 reg = 1, value = 2
        isa.mem.setreg at 44 reg = 1, value = 2
        isa.mem.setreg at 45 reg = 1, value = 2
        isa.mem.setreg at 46 reg = 1, value = 2
        isa.mem.setreg at 47 reg = 1, value = 2
        isa.mem.setreg at 60 reg = 1, value = 3
        isa.mem.setreg at 61 reg = 1, value = 3
        isa.mem.setreg at 62 reg = 1, value = 3
        isa.mem.setreg at 63 reg = 1, value = 3
        isa.mem.setreg at 64 reg = 1, value = 3
        isa.mem.setreg at 65 reg = 1, value = 3
        isa.mem.setreg at 66 reg = 1, value = 3
        isa.mem.setreg at 67 reg = 1, value = 3
        isa.halt at 71
      }
      isa.queue mem 5 {
        isa.mem.setreg at 0 reg = 1, value = 0
        isa.mem.setreg at 1 reg = 1, value = 0
        isa.mem.setreg at 2 reg = 1, value = 0
        isa.mem.setreg at 3 reg = 1, value = 0
        isa.mem.setreg at 4 reg = 1, value = 0
        isa.mem.setreg at 5 reg = 1, value = 0
        isa.mem.setreg at 6 reg = 1, value = 0
        isa.mem.setreg at 7 reg = 1, value = 0
        isa.mem.setreg at 20 reg = 1, value = 1
        isa.mem.setreg at 21 reg = 1, value = 1
        isa.mem.setreg at 22 reg = 1, value = 1
        isa.mem.setreg at 23 reg = 1, value = 1
        isa.mem.setreg at 24 reg = 1, value = 1
        isa.mem.setreg at 25 reg = 1, value = 1
        isa.mem.setreg at 26 reg = 1, value = 1
        isa.mem.setreg at 27 reg = 1, value = 1
        isa.mem.setreg at 40 reg = 1, value = 2
        isa.mem.setreg at 41 reg = 1, value = 2
        isa.mem.setreg at 42 reg = 1, value = 2
        isa.mem.setreg at 43 reg = 1, value = 2
        isa.mem.setreg at 44 reg = 1, value = 2
        isa.mem.setreg at 45 reg = 1, value = 2
        isa.mem.setreg at 46 reg = 1, value = 2
        isa.mem.setreg at 47 reg = 1, value = 2
        isa.mem.setreg at 60 reg = 1, value = 3
        isa.mem.setreg at 61 reg = 1, value = 3
        isa.mem.setreg at 62 reg = 1, value = 3
        isa.mem.setreg at 63 reg = 1, value = 3
        isa.mem.setreg at 64 reg = 1, value = 3
        isa.mem.setreg at 65 reg = 1, value = 3
        isa.mem.setreg at 66 reg = 1, value = 3
        isa.mem.setreg at 67 reg = 1, value = 3
        isa.halt at 71
      }
      isa.queue mem 6 {
        isa.mem.setreg at 0 reg = 1, value = 0
        isa.mem.setreg at 1 reg = 1, value = 0
        isa.mem.setreg at 2 reg = 1, value = 0
        isa.mem.setreg at 3 reg = 1, value = 0
        isa.mem.setreg at 4 reg = 1, value = 0
        isa.mem.setreg at 5 reg = 1, value = 0
        isa.mem.setreg at 6 reg = 1, value = 0
        isa.mem.setreg at 7 reg = 1, value = 0
        isa.mem.setreg at 8 reg = 1, value = 0
        isa.mem.setreg at 9 reg = 1, value = 0
        isa.mem.setreg at 10 reg = 1, value = 0
        isa.mem.setreg at 20 reg = 1, value = 1
        isa.mem.setreg at 21 reg = 1, value = 1
        isa.mem.setreg at 22 reg = 1, value = 1
        isa.mem.setreg at 23 reg = 1, value = 1
        isa.mem.setreg at 24 reg = 1, value = 1
        isa.mem.setreg at 25 reg = 1, value = 1
        isa.mem.setreg at 26 reg = 1, value = 1
        isa.mem.setreg at 27 reg = 1, value = 1
        isa.mem.setreg at 28 reg = 1, value = 1
        isa.mem.setreg at 29 reg = 1, value = 1
        isa.mem.setreg at 30 reg = 1, value = 1
        isa.mem.setreg at 40 reg = 1, value = 2
        isa.mem.setreg at 41 reg = 1, value = 2
        isa.mem.setreg at 42 reg = 1, value = 2
        isa.mem.setreg at 43 reg = 1, value = 2
        isa.mem.setreg at 44 reg = 1, value = 2
        isa.mem.setreg at 45 reg = 1, value = 2
        isa.mem.setreg at 46 reg = 1, value = 2
        isa.mem.setreg at 47 reg = 1, value = 2
        isa.mem.setreg at 48 reg = 1, value = 2
        isa.mem.setreg at 49 reg = 1, value = 2
        isa.mem.setreg at 50 reg = 1, value = 2
        isa.mem.setreg at 60 reg = 1, value = 3
        isa.mem.setreg at 61 reg = 1, value = 3
        isa.mem.setreg at 62 reg = 1, value = 3
        isa.mem.setreg at 63 reg = 1, value = 3
        isa.mem.setreg at 64 reg = 1, value = 3
        isa.mem.setreg at 65 reg = 1, value = 3
        isa.mem.setreg at 66 reg = 1, value = 3
        isa.mem.setreg at 67 reg = 1, value = 3
        isa.mem.setreg at 68 reg = 1, value = 3
        isa.mem.setreg at 69 reg = 1, value = 3
        isa.mem.setreg at 70 reg = 1, value = 3
        isa.halt at 71
      }
    }
    isa.chip 0 class 0 {
    }
  }
}
