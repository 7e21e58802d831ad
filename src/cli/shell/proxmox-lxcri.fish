# fish completion of proxmox-lxcri; made by: proxmox-lxcri completion fish
function __proxmox_lxcri_complete
	set -l words (commandline -opc) (commandline -ct)
	for line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)
		switch $line
			case ':files'
				__fish_complete_path (commandline -ct)
			case ':directories'
				__fish_complete_directories (commandline -ct)
			case '*'
				echo $line
		end
	end
end
complete -c proxmox-lxcri -f -a '(__proxmox_lxcri_complete)'
