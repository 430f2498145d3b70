# Completion of ringbench for bash. Of one's own: source it, or save it as
# ~/.local/share/bash-completion/completions/ringbench

_ringbench() {
	# Bash breaks words at = and : too: put together what no blank separates.
	local rest=${COMP_LINE:0:COMP_POINT} trimmed word i
	local -a words=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		trimmed=${rest#"${rest%%[![:space:]]*}"}
		word=${COMP_WORDS[i]}
		if ((i == COMP_CWORD)); then
			word=$trimmed
		fi
		if ((i > 0)) && [[ $trimmed == "$rest" ]]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
		fi
		rest=${trimmed#"$word"}
	done

	# Only what stands behind the last such break is replaced.
	local whole=${words[${#words[@]} - 1]} breaks="" before=""
	for word in = : @; do
		if [[ $COMP_WORDBREAKS == *"$word"* ]]; then
			breaks+=$word
		fi
	done
	if [[ $breaks ]]; then
		before=${whole%"${whole##*["$breaks"]}"}
	fi

	words=("${words[@]//\\/}") # a blank in a name is typed behind a backslash
	before=${before//\\/}

	local program=${words[0]/#\~\//$HOME/} candidate
	COMPREPLY=()
	while IFS=$'\t' read -r candidate _; do
		candidate=${candidate#"$before"}
		if [[ $candidate == *[/=:] ]]; then
			compopt -o nospace 2>/dev/null
		fi
		if [[ $candidate == "~/"* ]]; then
			printf -v candidate '~/%q' "${candidate:2}"
		elif [[ $candidate == *[!A-Za-z0-9_./:=,@%+-]* ]]; then
			printf -v candidate '%q' "$candidate"
		fi
		COMPREPLY+=("$candidate")
	done < <("$program" __complete "${words[@]:1}" 2>/dev/null)
}

complete -F _ringbench ringbench
