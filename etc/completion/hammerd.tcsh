# Completion of hammerd for tcsh, the root shell of many a DragonFly. In ~/.cshrc:
#
#   source /usr/local/share/hammerd/hammerd.tcsh

complete hammerd 'c/--config=/f/' 'c/--run-dir=/d/' 'n/-c/f/' 'n/--config/f/' 'n/--run-dir/d/' \
    'p@*@`env _HAMMERD_COMPLETE=tcsh_complete hammerd`@'
