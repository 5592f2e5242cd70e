# Completion of hammerd for fish. `make install` puts it into vendor_completions.d.

function __hammerd_complete
    set -l program (commandline -opc)[1]
    set -l found (env _HAMMERD_COMPLETE=fish_complete COMP_WORDS=(commandline -cp) \
        COMP_CWORD=(commandline -t) $program 2>/dev/null)
    for line in $found
        set -l item (string split -m 1 , -- $line)
        switch $item[1]
            case plain
                echo $item[2]
            case dir
                __fish_complete_directories (commandline -t)
            case file
                __fish_complete_path (commandline -t)
        end
    end
end

complete --no-files --keep-order --command hammerd --arguments '(__hammerd_complete)'
