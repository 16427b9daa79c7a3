# bash completion for openclaw-failover(8). tests/docs/test_completion.py holds it against `openclaw-failover --help`.

_openclaw_failover() {
        local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= words= i file
        local -A takes=(
                [status]='--json --watch' [doctor]='-q --json' [history]='-n --since --json' [drill]= [promote]= [demote]= [auto]=
                [pause]='10m 30m 1h 4h infinity' [resume]= [config]=--check [alert-test]= [run]= [sync]= [alert-failed]=
        )

        # bash takes the '=' of --instance=NAME for a word of its own.
        [[ $word == = ]] && word=
        [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}

        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                -i | --instance | -n | --lines | --since)
                        [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
                        ((i++))
                        ;;
                -*) ;;
                *)
                        command=${COMP_WORDS[i]}
                        break
                        ;;
                esac
        done

        case $before in
        -i | --instance)
                for file in @SYSCONFDIR@/openclaw-failover/*.ini; do
                        file=${file##*/}
                        [[ $file != '*.ini' ]] && words+=" ${file%.ini}"
                done
                ;;
        -n | --lines)
                words='1 5 10'
                ;;
        --since)
                words='today yesterday 12h 7d 4w'
                ;;
        *)
                if [[ -z $command ]]; then
                        words="${!takes[*]} --instance --help --version"
                else
                        words=${takes[$command]-}
                fi
                ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _openclaw_failover openclaw-failover
