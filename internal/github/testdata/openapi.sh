#!/bin/sh
# Writes openapi.json anew: GitHub's own description of its interface, cut to the operations that
# openapi_test.go names. GitHub publishes it in github/rest-api-description; the package @octokit/openapi
# holds the same, and the registry sends it packed. Both are under the MIT licence.
set -eu
cd "$(dirname "$0")/.."
version=${1:-23.0.2}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
(cd "$tmp" && npm pack --silent "@octokit/openapi@$version" >/dev/null)
tar -xzf "$tmp"/*.tgz -C "$tmp" package/generated/api.github.com.json
go test . -run '^TestCut$' -count=1 -openapi "$tmp/package/generated/api.github.com.json"
go test . -run '^TestDescriptionBites$' -count=1
