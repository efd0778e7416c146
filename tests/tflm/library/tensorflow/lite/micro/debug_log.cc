// Double for tests: upstream's needs a console, so a build must leave it out.
#error "debug_log.cc is compiled"
