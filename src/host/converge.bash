# Completion for bash. Everything is asked of the binary: `converge completion bash` prints this.

_converge() {
  local answer
  COMPREPLY=()
  mapfile -t answer < <("${COMP_WORDS[0]/#\~/$HOME}" complete bash "$COMP_LINE" "$COMP_POINT" \
    "$COMP_WORDBREAKS" 2>/dev/null)
  case ${answer[0]-} in
    files) compopt -o filenames -o default ;;
    directories) compopt -o filenames -o dirnames ;;
    *) COMPREPLY=("${answer[@]:1}") ;;
  esac
  # After `--option=`, the value is to follow at once.
  [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
}

complete -F _converge converge
