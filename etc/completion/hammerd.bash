# Completion of hammerd for bash. `make install` puts it where bash-completion finds it; without
# that package, source it from ~/.bashrc.

_hammerd()
{
	local line
	COMPREPLY=()
	while IFS= read -r line; do
		case "$line" in
		plain,*)
			COMPREPLY+=("${line#plain,}")
			;;
		dir,*)
			compopt -o dirnames 2> /dev/null
			;;
		file,*)
			compopt -o default 2> /dev/null
			;;
		esac
	done < <(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _HAMMERD_COMPLETE=bash_complete \
	    "$1" 2> /dev/null)
}

complete -o nosort -F _hammerd hammerd 2> /dev/null || complete -F _hammerd hammerd
