# bundle.cmake - cmake -DNPM=... -DPAGE=... -P bundle.cmake: fetch the packages of the pages and bundle them. Where they
# cannot be fetched the rest is built all the same, without the pages and with a word, and the next build tries again.
execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --loglevel=error WORKING_DIRECTORY ${PAGE}
  RESULT_VARIABLE status OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT status EQUAL 0)
  message("${said}")
  message("npm could not fetch the packages of the dashboard's pages: trialboard is built without them. "
    "Build again when npm can (npm ci in ${PAGE} says why it cannot).")
  file(REMOVE_RECURSE ${PAGE}/dist)
  file(MAKE_DIRECTORY ${PAGE}/dist)
  return()
endif()
file(REMOVE_RECURSE ${PAGE}/dist)
execute_process(COMMAND ${NPM} run --silent build WORKING_DIRECTORY ${PAGE} RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the pages cannot be bundled")
endif()
file(TOUCH ${PAGE}/built)
