#compdef ringbench
# Completion of ringbench for zsh: source it behind compinit, or save it as _ringbench in a
# directory of $fpath.

_ringbench() {
	local program=${${(Q)words[1]}/#\~\//$HOME/} line value
	local -a values shown open openshown before
	before=("${(@Q)words[2,CURRENT-1]}")
	((CURRENT > 2)) || before=()
	for line in ${(f)"$("$program" __complete "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)"}; do
		value=${line%%$'\t'*}
		line="$value  -- ${line#*$'\t'}"
		if [[ $value == '~/'* ]]; then
			value="~/${(q)value[3,-1]}"
		else
			value=${(q)value}
		fi
		if [[ $value == *[/=:] ]]; then
			open+=("$value")
			openshown+=("$line")
		else
			values+=("$value")
			shown+=("$line")
		fi
	done
	((${#values})) && compadd -Q -l -d shown -a values
	((${#open})) && compadd -Q -l -S '' -d openshown -a open
	return 0
}

if [[ $funcstack[1] == _ringbench ]]; then
	_ringbench "$@"
else
	compdef _ringbench ringbench
fi
