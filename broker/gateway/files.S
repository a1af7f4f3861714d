/* The page's files and the contract for machines, as bytes in the program. CMakeLists.txt says where they are. */
    .section .rodata

    .macro embed name, folder, file
    .global \name
    .global \name\()_end
    .hidden \name
    .hidden \name\()_end
    .balign 16
\name:
    .incbin "\folder\()\file"
\name\()_end:
    .byte 0
    .endm

    embed cast_openapi, CAST_OPENAPI
    embed cast_page_index, CAST_PAGE, "/index.html"
    embed cast_page_script, CAST_PAGE, "/app.js"
    embed cast_page_style, CAST_PAGE, "/app.css"

    .section .note.GNU-stack, "", %progbits
