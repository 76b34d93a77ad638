# Part of lpu-mlir, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# cmake -DFOLDER=<this folder> -DOUTPUT=PageFiles.inc -P Embed.cmake
# The files of the page as C++ string literals; the scripts as one function.
set(scripts data.js timeline.js controls.js overview.js system.js chips.js main.js)
set(script "(() => {\n\"use strict\";\n")
foreach(name ${scripts})
  file(READ ${FOLDER}/${name} text)
  string(APPEND script "${text}")
endforeach()
string(APPEND script "})();\n")
file(READ ${FOLDER}/page.html frame)
file(READ ${FOLDER}/page.css style)
# Compilers take long literals only in pieces.
function(literal name text)
  set(code "const char ${name}[] =\n")
  string(LENGTH "${text}" length)
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 piece)
    string(APPEND code "R\"page(${piece})page\"\n")
    math(EXPR at "${at} + 8000")
  endwhile()
  set(result "${result}${code};\n" PARENT_SCOPE)
endfunction()
set(result "// Made by lib/Report/page/Embed.cmake\n")
literal(pageFrame "${frame}")
literal(pageStyle "${style}")
literal(pageScript "${script}")
file(WRITE ${OUTPUT} "${result}")
