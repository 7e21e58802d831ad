# bash completion of proxmox-lxcri; made by: proxmox-lxcri completion bash
_proxmox_lxcri()
{
	local cur words=("${COMP_WORDS[@]}") cword=$COMP_CWORD line

	cur=${COMP_WORDS[COMP_CWORD]}
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n : cur words cword
	fi
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) compopt -o default 2>/dev/null; continue ;;
		:directories) compopt -o dirnames 2>/dev/null; continue ;;
		esac
		COMPREPLY+=("${line%%$'\t'*}")
	done < <("$1" __complete -- "${words[@]:1:cword}" 2>/dev/null)
	if declare -F __ltrim_colon_completions >/dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -F _proxmox_lxcri proxmox-lxcri
