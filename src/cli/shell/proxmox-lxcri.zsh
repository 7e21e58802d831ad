#compdef proxmox-lxcri
# zsh completion of proxmox-lxcri; made by: proxmox-lxcri completion zsh
_proxmox_lxcri()
{
	local line tab=$'\t'
	local -a found rest

	for line in "${(@f)$("$words[1]" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		case $line in
		:files) rest=(_files); continue ;;
		:directories) rest=(_files -/); continue ;;
		'') continue ;;
		esac
		if [[ $line == *$tab* ]]; then
			found+=("${${line%%$tab*}//:/\\:}:${line#*$tab}")
		else
			found+=("${line//:/\\:}")
		fi
	done
	if (( $#found || ! $#rest )); then
		_describe -V proxmox-lxcri found
	else
		$rest
	fi
}
if [[ $funcstack[1] == _proxmox-lxcri ]]; then
	_proxmox_lxcri "$@"
else
	compdef _proxmox_lxcri proxmox-lxcri
fi
