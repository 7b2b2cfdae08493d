# Completion for fish. Everything is asked of the binary: `converge completion fish` prints this.

function __converge_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    # What is typed may have quotes that are open: then all are offered, and fish sees which fit.
    string match -qr '[\'"\\\\]' -- $current; and set -l current ''
    set -l answer ($before[1] complete fish $before[2..-1] "$current" 2>/dev/null | string split0)
    switch "$answer[1]"
        case files
            __fish_complete_path (commandline -ct) | string join0
        case directories
            __fish_complete_directories (commandline -ct) | string join0
        case words
            string join0 -- $answer[2..-1]
    end
end

complete -c converge -f -a '(__converge_complete | string split0)'
