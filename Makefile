# The only build file. `make help` lists what it does.

VARIANT ?= release
BUILD := build/$(VARIANT)

prefix ?= /usr/local
exec_prefix ?= $(prefix)
bindir ?= $(exec_prefix)/bin
datarootdir ?= $(prefix)/share
datadir ?= $(datarootdir)
mandir ?= $(datarootdir)/man
INSTALL ?= install

ifndef V
Q := @
say = @printf '  %-6s %s\n'
else
say = @:
endif

# `make` in `make`, on all cores unless the user has said -j. What is installed is looked up anew by
# the inner one, so that it sees what `deps` has just installed.
make = $(MAKE) --no-print-directory \
  $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

CCACHE := $(shell command -v ccache 2>/dev/null)
# The option is for `sudo make install` in somebody's clone, where git would refuse to look.
COMMIT := $(shell git -c safe.directory='*' rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
# Of that commit, so that it is the same wherever the same is built.
BUILT := $(shell git -c safe.directory='*' log -1 --format=%ct 2>/dev/null || echo 0)
BUILD_NUMBER ?= 0

# What `deps` installs, by the names of Debian 12; `lint` adds its tools, a release needs others.
debian_packages := g++ make pkg-config ccache git \
  libsqlitecpp-dev libsqlite3-dev libpqxx-dev libpq-dev libpoco-dev libfmt-dev libcli11-dev \
  libtomlplusplus-dev libssl-dev libboost-test-dev prometheus-cpp-dev \
  postgresql-15 postgresql-client-15 pgbouncer cron sudo sqlite3 python3 util-linux procps \
  prometheus chromium systemd \
  faketime curl openssl nginx-light minisign jq perl mandoc
lint: debian_packages += clang-format clang-tidy cppcheck shellcheck
fuzz: debian_packages += clang libclang-rt-14-dev
release-deps: debian_packages := g++ g++-aarch64-linux-gnu make git ccache cmake dpkg-dev \
  debian-archive-keyring mandoc
deb-deps: debian_packages = debhelper git ccache \
  $(shell sed -nE 's/^ ([a-z0-9+.-]+),$$/\1/p' .ci/debian/control)
check-package-deps: debian_packages := debootstrap lintian minisign postgresql-15 python3 \
  systemd-container util-linux
check-release-deps: debian_packages := binutils file openssl postgresql-15 qemu-user util-linux

# Libraries. System headers, so that their warnings are not ours.
packages := libpqxx fmt sqlite3 libssl libcrypto libpq
package_cflags := $(shell pkg-config --cflags $(packages) 2>/dev/null | sed 's/-I/-isystem /g')
libraries := -lSQLiteCpp $(shell pkg-config --libs $(packages) 2>/dev/null) -lPocoNet -lPocoJSON \
  -lPocoFoundation -lprometheus-cpp-core -lpthread
test_libraries := -lPocoNetSSL -lPocoCrypto -lPocoUtil

warnings := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor \
  -Woverloaded-virtual -Wold-style-cast
ifdef CI
warnings += -Werror
endif

variant_release := -O2 -g1
variant_debug := -O0 -g
variant_asan := -O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer
variant_tsan := -O1 -g -fsanitize=thread
variant_coverage := -O0 -g --coverage
# `make fuzz`: the library with what tells a fuzzer where an input has come. One finding ends a run, but
# for what toml++ 3.3 calls unreachable and a letter such as the sharp s reaches: no space, it should say.
variant_fuzz := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=unreachable \
  -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(VARIANT)$(origin CXX),fuzzdefault)
CXX := clang++
endif

# What `make release` makes, for others' hosts. Compiled and linked with nothing of this one's but the
# compiler: the root directory of .ci/libraries has the C library's headers and all else, and the place
# that build/libraries may be a link to is named nowhere. The C library
# alone is linked dynamically, and the others are named by their paths, because the linker would also
# look among this host's. Their digest is for the record of flags, below.
release_platforms := linux-amd64 linux-arm64
ifneq ($(filter $(VARIANT),$(release_platforms)),)
triplet_linux-amd64 := x86_64-linux-gnu
triplet_linux-arm64 := aarch64-linux-gnu
carried := build/libraries/$(VARIANT:linux-%=%)
variant_$(VARIANT) := -O2 -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong \
  -D_FORTIFY_SOURCE=2 -ffile-prefix-map=$(CURDIR)=. \
  -ffile-prefix-map=$(realpath build/libraries)=./build/libraries
override CXX := $(triplet_$(VARIANT))-g++ --sysroot=$(carried)
package_cflags := -isystem $(carried)/usr/include/postgresql
carried_libraries := SQLiteCpp sqlite3 pqxx pq pgcommon pgport ssl crypto PocoNet PocoJSON \
  PocoFoundation pcre z prometheus-cpp-core fmt
libraries := $(carried_libraries:%=$(carried)/usr/lib/$(triplet_$(VARIANT))/lib%.a) -pie -s \
  -static-libgcc -static-libstdc++ -Wl,--gc-sections -Wl,--as-needed -Wl,-z,relro,-z,now \
  -Wl,--build-id=sha1
carried_digest := $(firstword $(shell cat $(carried).versions 2>/dev/null | sha256sum))
endif

ifndef variant_$(VARIANT)
$(error unknown VARIANT '$(VARIANT)': release debug asan tsan coverage fuzz $(release_platforms))
endif

compile = $(CCACHE) $(CXX) -std=c++20 -I. $(package_cflags) $(warnings) $(variant_$(VARIANT)) \
  $(CPPFLAGS) $(CXXFLAGS)
link = $(CXX) $(variant_$(VARIANT)) $(LDFLAGS)

main_source := src/main.cpp
fault_sources := src/base/fault_off.cpp src/base/fault_on.cpp
sources := $(sort $(filter-out $(main_source) $(fault_sources), \
  $(wildcard src/*/*.cpp journal/*.cpp convergers/*.cpp convergers/platform/*.cpp updater/*.cpp)))
objects := $(sources:%.cpp=$(BUILD)/%.o)
library := $(BUILD)/libconverge.a

suites := unit pg cli
support_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard tests/support/*.cpp)))
state_machine_objects := $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard tests/state_machine/*.cpp)))
# The targets of `make fuzz`, whose corpus the unit suite plays again.
fuzz_main := $(BUILD)/tests/fuzz/main.o
fuzz_objects := $(filter-out $(fuzz_main), \
  $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard tests/fuzz/*.cpp))))
suite_objects = $(patsubst %.cpp,$(BUILD)/%.o,$(sort $(wildcard tests/$1/*.cpp)))
pages := $(sort $(wildcard man/*.[1-8]))
host_files := $(sort $(wildcard src/host/*))
bundled := $(filter-out %/schema.sql,$(sort $(wildcard convergers/platform/*.sql)))
all_objects := $(objects) $(main_source:%.cpp=$(BUILD)/%.o) $(fault_sources:%.cpp=$(BUILD)/%.o) \
  $(support_objects) $(state_machine_objects) $(fuzz_main) $(fuzz_objects) \
  $(foreach s,$(suites) torture bench,$(call suite_objects,$s))

.PHONY: all check test check-unit check-pg check-cli check-package check-package-deps check-release \
  check-release-deps lint lint-now \
  format bench demo torture fuzz deb deb-deps deps install uninstall dist release release-deps clean \
  help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:

all: ## the binary, at build/converge (the default)
	+$(Q)$(make) build/converge

# Always looked at, because another VARIANT may have left it pointing elsewhere.
build/converge: $(BUILD)/converge FORCE
	$(Q)ln -sfn $(VARIANT)/converge $@

# One record of how things were compiled: when the flags change, everything is compiled again.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(compile) $(link) $(libraries)$(carried_digest:%= %)' | cmp -s - $@ || \
	  echo '$(compile) $(link) $(libraries)$(carried_digest:%= %)' > $@

$(BUILD)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT) $(BUILD_NUMBER)' | cmp -s - $@ || echo '$(COMMIT) $(BUILD_NUMBER)' > $@

version_of = -DCONVERGE_COMMIT='"$(COMMIT)"' -DCONVERGE_BUILT=$(BUILT) -DCONVERGE_BUILD=
$(BUILD)/src/base/version.o: $(BUILD)/commit
$(BUILD)/src/base/version.o: version_flags = $(version_of)$(BUILD_NUMBER)

# Not includes, so -MMD does not see them.
$(BUILD)/src/daemon/page.o: $(wildcard src/daemon/page.html src/daemon/page.css src/daemon/page.js)

# What the binary carries, in one file: a line with name and size before each. Always looked at, because
# a file may be gone. Without -I os=, mandoc would name the kernel of this host.
$(BUILD)/text/%: man/%
	@mkdir -p $(@D)
	$(Q)mandoc -T utf8 -O width=78 -I os=Converge $< > $@

$(BUILD)/embedded: $(pages) $(pages:man/%=$(BUILD)/text/%) $(host_files) $(bundled) FORCE
	@for file in $(filter-out FORCE,$^); do \
	  name=$${file#$(BUILD)/}; echo "$${name#src/} $$(($$(wc -c < $$file)))"; cat $$file; \
	done > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/src/cli/embedded.o: $(BUILD)/embedded
$(BUILD)/src/cli/embedded.o: embedded_flags := -I$(BUILD)

$(BUILD)/tests/%.o: test_flags := -DBOOST_TEST_DYN_LINK=

$(BUILD)/%.o: %.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(compile) $(version_flags) $(embedded_flags) $(test_flags) -MMD -MP -c $< -o $@

$(library): $(objects)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/converge: $(BUILD)/src/main.o $(BUILD)/src/base/fault_off.o $(library)
$(BUILD)/converge-debug: $(BUILD)/src/main.o $(BUILD)/src/base/fault_on.o $(library)
$(BUILD)/converge $(BUILD)/converge-debug:
	$(say) LINK $@
	$(Q)$(link) $^ $(libraries) -o $@

# The same program as other releases, for the suites: the version that is linked first counts.
test_builds := 101 102
version_objects := $(test_builds:%=$(BUILD)/src/base/version-%.o)
release_programs := $(test_builds:%=$(BUILD)/converge-build-%)

$(version_objects): $(BUILD)/src/base/version-%.o: src/base/version.cpp $(BUILD)/flags $(BUILD)/commit
	@mkdir -p $(@D)
	$(say) CXX '$< ($*)'
	$(Q)$(compile) $(version_of)$* -MMD -MP -c $< -o $@

$(release_programs): $(BUILD)/converge-build-%: $(BUILD)/src/main.o $(BUILD)/src/base/fault_off.o \
  $(BUILD)/src/base/version-%.o $(library)
	$(say) LINK $@
	$(Q)$(link) $^ $(libraries) -o $@

# The other side of the steps outside the database, for the suites, the demo and the bench.
$(BUILD)/state-machine: $(state_machine_objects) $(BUILD)/src/base/fault_off.o $(library)
	$(say) LINK $@
	$(Q)$(link) $^ $(test_libraries) $(libraries) -o $@

# The harnesses set their scenes with what the suite of the binary has for that.
torture_fixtures := $(filter %fixture.o %agreement.o,$(call suite_objects,cli))
unit_fixtures := $(fuzz_objects)

define suite_rule
$(BUILD)/check-$1: $(call suite_objects,$1) $($1_fixtures) $(support_objects) $(BUILD)/src/base/fault_off.o \
  $(library) | $(BUILD)/state-machine
	$(say) LINK $$@
	$(Q)$(link) $$^ $(test_libraries) $(libraries) -lboost_unit_test_framework -o $$@
endef
$(foreach s,$(suites) torture,$(eval $(call suite_rule,$s)))

# What tests preload, to see what a program does to its files and to let that fail.
$(BUILD)/check-cli $(BUILD)/check-torture: | $(BUILD)/disk-shim.so
$(BUILD)/disk-shim.so: tests/support/shim/disk.cpp $(BUILD)/flags
	@mkdir -p $(@D)
	$(say) CXX $<
	$(Q)$(CXX) -std=c++20 -O1 -fPIC -shared $(warnings) $< -o $@

$(BUILD)/bench: $(call suite_objects,bench) $(support_objects) $(BUILD)/src/base/fault_off.o \
  $(library) | $(BUILD)/state-machine
	$(say) LINK $@
	$(Q)$(link) $^ $(test_libraries) $(libraries) -o $@

$(BUILD)/fuzz: $(fuzz_main) $(fuzz_objects) $(BUILD)/tests/support/temp_dir.o \
  $(BUILD)/src/base/fault_off.o $(library)
	$(say) LINK $@
	$(Q)$(link) -fsanitize=fuzzer $^ $(libraries) -o $@

suite_programs := $(suites:%=$(BUILD)/check-%)
built := build/converge $(BUILD)/converge-debug $(release_programs) $(BUILD)/state-machine

check: deps ## install what is missing, build, run every test
	+$(Q)$(make) $(built) $(suite_programs)
	$(Q)tests/run $(BUILD) $(suites)

test: check

check-unit check-pg check-cli: check-%: ## one suite
	+$(Q)$(make) $(built) $(BUILD)/check-$*
	$(Q)tests/run $(BUILD) $*

demo: deps ## a guided tour on a throwaway PostgreSQL
	+$(Q)$(make) build/converge $(BUILD)/state-machine
	$(Q)tests/demo build/converge

bench: deps ## measure: passes (ACCOUNTS= ROUNDS=), journal (JOURNAL_ENTRIES=), daemon, outside; BENCH=one
	+$(Q)$(make) build/converge $(BUILD)/bench $(BUILD)/state-machine
	$(Q)$(BUILD)/bench $(BUILD)/converge

torture: deps ## kill it, starve it, compare: KILLS=, TORTURE=one; minutes
	+$(Q)$(make) $(built) $(BUILD)/check-torture
	$(Q)$(if $(TORTURE),BOOST_TEST_RUN_FILTERS='$(TORTURE)' )tests/run $(BUILD) torture

SECONDS ?= 60
fuzz: deps ## feed what reads files with what nobody meant, SECONDS=60 for each; FUZZ=one
	+$(Q)$(make) VARIANT=fuzz build/fuzz/fuzz
	$(Q)tests/fuzz/run build/fuzz $(SECONDS) $(FUZZ)

lint: deps ## formatting, static analysis, layers, scripts, man pages
	+$(Q)$(make) lint-now

lint-now:
	$(Q)compile='-std=c++20 -I. $(package_cflags) $(warnings) -DCONVERGE_COMMIT="" -DCONVERGE_BUILT=0 -DCONVERGE_BUILD=0' \
	  tests/lint

format: ## put the C++ sources into the project's format
	$(Q)git ls-files -co --exclude-standard '*.cpp' '*.h' | xargs clang-format -i

# Instant, and without root, when nothing is missing.
deps: ## install the Debian packages that are missing
deps deb-deps check-package-deps release-deps check-release-deps:
	$(Q)installed=$$(dpkg-query -Wf '$${db:Status-Status} $${Package}\n' $(debian_packages) \
	  2>/dev/null | sed -n 's/^installed //p'); \
	missing=$$(printf '%s\n' $(debian_packages) | grep -vxF "$$installed" | xargs); \
	[ -n "$$missing" ] || exit 0; \
	apt_get() { \
	  $$([ "$$(id -u)" -eq 0 ] || echo sudo) env DEBIAN_FRONTEND=noninteractive apt-get -qq "$$@"; \
	}; \
	echo "installing $$missing"; \
	apt_get install -y --no-install-recommends $$missing 2>/dev/null || \
	  { apt_get update && apt_get install -y --no-install-recommends $$missing; }

# One list of what goes where, converge-install(1). What was installed is on record in datadir, and what
# was edited since is kept.
directories = $(if $(DESTDIR),--destdir='$(DESTDIR)') --prefix='$(prefix)'
install: all ## into DESTDIR and prefix
	$(BUILD)/converge install $(directories) --bindir='$(bindir)' --datadir='$(datadir)' \
	  --mandir='$(mandir)' $(if $(unitdir),--unitdir='$(unitdir)') \
	  $(if $(sysconfdir),--sysconfdir='$(sysconfdir)')

uninstall: ## remove what install has put there
	$(BUILD)/converge uninstall $(directories) --datadir='$(datadir)'

# The libraries are made once. Each platform is a variant, so that all above serves it too.
release: release-deps ## what is published, in build/release-bin: BUILD_NUMBER=N
	$(Q)[ "$(BUILD_NUMBER)" -gt 0 ] 2>/dev/null || \
	  { echo 'make release: a release has a number: make release BUILD_NUMBER=N' >&2; exit 2; }
	$(Q).ci/libraries $(release_platforms:linux-%=%)
	+$(Q)set -e; for platform in $(release_platforms); do \
	  $(make) VARIANT=$$platform build/$$platform/converge; \
	done
	$(Q)$(INSTALL) -d build/release-bin
	$(Q)set -e; for platform in $(release_platforms); do \
	  made=build/release-bin/converge-$$platform; \
	  $(INSTALL) -m 755 build/$$platform/converge $$made; \
	  $(INSTALL) -m 644 build/libraries/$${platform#linux-}.versions $$made.libraries; \
	done

check-release: check-release-deps ## a release, started on hosts that have nothing, and made twice: BUILD_NUMBER=N
	+$(Q)$(make) release
	$(Q)tests/release $(BUILD_NUMBER) --again

deb: deb-deps ## the Debian package of the last commit, in build/deb: BUILD_NUMBER=N
	$(Q).ci/package $(BUILD_NUMBER)

check-package: check-package-deps ## a package, installed in a Debian 12 of its own and used: BUILD_NUMBER=N
	+$(Q)$(make) deb
	$(Q)$$([ "$$(id -u)" -eq 0 ] || echo sudo) tests/package $(BUILD_NUMBER)

dist: ## the sources of the last commit, as build/converge-COMMIT.tar.gz
	$(Q)mkdir -p build
	git archive --prefix=converge-$(COMMIT)/ -o build/converge-$(COMMIT).tar.gz HEAD

clean: ## remove build/
	rm -rf build

help: ## this list
	@sed -nE 's/^([a-z-]+( [a-z-]+)*):.*## (.*)/\1|\3/p' Makefile | \
	  while IFS='|' read -r targets text; do printf '  %-30s %s\n' "$$targets" "$$text"; done
	@echo '  VARIANT=release|debug|asan|tsan|coverage|fuzz   V=1   prefix=/usr/local   DESTDIR='

-include $(all_objects:.o=.d) $(version_objects:.o=.d)
