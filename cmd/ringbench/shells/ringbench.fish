# Completion of ringbench for fish. Of one's own: source it, or save it as
# ~/.config/fish/completions/ringbench.fish

function __ringbench_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct | string unescape)
    set -l program (string replace -r '^~/' $HOME/ -- $words[1])
    command $program __complete $words[2..-1] "$current" 2>/dev/null
end

complete -c ringbench -f -k -a '(__ringbench_complete)'
