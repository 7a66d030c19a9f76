# SPDX-License-Identifier: Apache-2.0
# bash's completion for torpor(1): commands, options, and the names of guests as xl knows them.

_torpor_guests()
{
    xl list 2>/dev/null | awk 'NR > 2 { print $1 }'
}

# Names of files as the completions.
_torpor_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
}

_torpor()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' words='' i

    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} != -* ]]; then
            command=${COMP_WORDS[i]}
            break
        fi
    done
    case $command in
    '') words='suspend wake save restore checkpoint migrate migrate-receive jump hibernate snapshot dump timeline help -v -h' ;;
    suspend)
        [[ $previous == -t || $previous == --timeout ]] && return
        if [[ $word == -* ]]; then
            words='--all --force --host --timeout --help'
        else
            words=$(_torpor_guests)
        fi
        ;;
    wake) words=$(_torpor_guests) ;;
    migrate)
        case $previous in
        -C)
            _torpor_files
            return
            ;;
        -s | --max-downtime) return ;;
        esac
        if [[ $word == -* ]]; then
            words='-s -C -e -F -p -z --compress --max-downtime --no-throttle --json --debug --live --help'
        else
            words=$(_torpor_guests)
        fi
        ;;
    migrate-receive) words='-d -e -p --help' ;;
    save | checkpoint)
        [[ $previous == --every || $previous == --count ]] && return
        if [[ $word == -* && $command == save ]]; then
            words='--checkpoint --pause --compress --json --help'
        elif [[ $word == -* ]]; then
            words='--every --count --compress --json --help'
        elif [[ $previous == save || $previous == checkpoint || $previous == -* ]]; then
            words=$(_torpor_guests)
        else
            _torpor_files
            return
        fi
        ;;
    restore)
        if [[ $word != -* ]]; then
            _torpor_files
            return
        fi
        words='-c -d -e -F -p -V -A --json --vncviewer --vncviewer-autopass --help'
        ;;
    timeline)
        if [[ $previous == --svg ]]; then
            _torpor_files
            return
        fi
        if [[ $previous == -d || $previous == --domain ]]; then
            words=$(_torpor_guests)
        else
            words='--operation --domain --list --json --svg --help 0 1 2 3 4 5 6 7 -'
        fi
        ;;
    hibernate | snapshot)
        if [[ $word != -* ]]; then
            _torpor_files
            return
        fi
        words='--to --kernel --keeper --append --compress --check --help'
        ;;
    dump)
        _torpor_files
        return
        ;;
    help) words='suspend wake save restore checkpoint migrate migrate-receive jump hibernate snapshot dump timeline' ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _torpor torpor
