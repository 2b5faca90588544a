# Shortens what "go test -v" prints: a line per package, what failing tests said,
# and at the end how many tests were skipped for want of what. It ends with the
# status that go test ended with, which has to be the last line. With -v proof=1
# it also counts the tests that passed, and fails for a package in which none did.

function show(line) { print line; fflush() } # also where it goes to a file

function forget() { delete said; delete order; delete passed; tests = good = 0; current = "" }

function keep(line) {
	if (!(current in said)) { order[++tests] = current; said[current] = "" }
	said[current] = said[current] line "\n"
}

function tell(    i) {
	for (i = 1; i <= tests; i++) if (!(order[i] in passed)) printf "%s", said[order[i]]
	forget()
}

BEGIN { forget(); status = 1 }

/^go test ended with status [0-9]+$/ { status = $NF; next }

/NOT TESTED: no / { why = $0; sub(/.*NOT TESTED: no /, "", why); if (!skips[why]++) reasons[++kinds] = why; skipped++ }

/^=== (RUN|PAUSE|CONT|NAME) / { current = $3; next }

/^ *--- (PASS|SKIP): / { passed[$3] = 1; if ($2 == "PASS:") good++; current = ""; next }

/^ *--- FAIL: / { current = $3; keep($0); current = ""; next }

/^(PASS|FAIL)$/ || /^coverage: / || /^testing: warning: no tests to run/ { next }

/^ok  \t/ {
	sub(/\tcoverage: .*/, "")
	show(proof ? $0 "\t" good " passed" : $0)
	if (proof && !good) { show("NOT PROVEN by " $2); unproven = 1 }
	forget()
	next
}

/^\?   \t/ || /^\t.*coverage: 0\.0% of statements/ { forget(); next }

/^FAIL\t/ { tell(); show($0); next }

{ keep($0) }

END {
	tell()
	if (skipped) {
		line = skipped " " (skipped == 1 ? "test" : "tests") " skipped"
		for (i = 1; i <= kinds; i++) line = line (i == 1 ? ": " : ", ") skips[reasons[i]] " for want of " reasons[i]
		print line
	}
	exit status ? status : unproven
}
