# Retort. `make study` and `make test` work from a bare clone: they install what is missing first.
#
#   make            build/release/retort, retort-stage and retort-keeper (also linked from build/)
#   make study      install what is missing, build, run the smoke study
#   make test       install what is missing, build, run every test of this page (minutes)
#   make help       the other targets

CONFIG ?= release
BUILD ?= build/$(CONFIG)
CC = $(if $(filter fuzz,$(CONFIG)),clang,cc)
AR = ar
PKG_CONFIG ?= pkg-config

WARNINGS = -Wall -Wextra -Wpedantic -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wformat=2 -Wundef -Wcast-qual \
	-Wpointer-arith -Wvla -Wdouble-promotion $(if $(WERROR),-Werror)
CFLAGS_release = -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_asan = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan = -O1 -g -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz = -O1 -g -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
LDFLAGS_release = -Wl,-z,relro,-z,now
LDFLAGS_asan = -fsanitize=address,undefined
LDFLAGS_tsan = -fsanitize=thread
LDFLAGS_fuzz = -fsanitize=address,undefined,float-cast-overflow
# Asked for when a rule runs, so that a machine without pkg-config can still parse this file and install it.
CJSON_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcjson)
BLAS_CFLAGS = $(shell $(PKG_CONFIG) --cflags openblas)
# Linked statically: loading the shared library costs every stage 2 ms, its archive a tenth of that.
BLAS_DIR = $(shell $(PKG_CONFIG) --variable=libdir openblas)
BLAS_LIBS = $(BLAS_DIR)/libopenblas.a -lgfortran
# The unit programs share it: each would hold 25 MB of it. The loader finds this one, whatever other BLAS is installed.
BLAS_SHARED = -L$(BLAS_DIR) -Wl,-rpath,$(BLAS_DIR) -lopenblas
CPPFLAGS_ALL = -I. -D_GNU_SOURCE $(CPPFLAGS)
CFLAGS_ALL = -std=c11 $(WARNINGS) $(CFLAGS_$(CONFIG)) $(CFLAGS)
LDFLAGS_ALL = $(LDFLAGS_$(CONFIG)) $(LDFLAGS)

# One archive a room; a room's archive may be linked only with those it may include (see check-includes).
SRC_base = $(wildcard engine/base/*.c)
SRC_meter = $(wildcard engine/meter/*.c)
SRC_kinds = $(wildcard stages/kinds/*.c)
SRC_protocol = $(wildcard stages/protocol/*.c)
SRC_keeper = $(filter-out stages/keeper/main.c,$(wildcard stages/keeper/*.c))
SRC_store = $(wildcard store/*.c)
SRC_engine = $(wildcard $(foreach f,pipeline plan environment lookup git transfer attempt energy publish run verify provenance trust report dvc bundle command,engine/$(f)/*.c))
SRC_kernels = $(wildcard kernels/*.c kernels/*/*.c)
SRC_stages = $(filter-out stages/main.c,$(wildcard stages/*.c stages/run/*.c))
ROOMS = base meter kinds protocol keeper store engine kernels stages

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
lib = $(BUILD)/lib$(1).a

LIBS_retort = $(call lib,engine) $(call lib,protocol) $(call lib,kinds) $(call lib,store) $(call lib,meter) $(call lib,base)
# Static archives: programs that start by the thousand do not load two libraries more. Of libcrypto SHA-256 alone is linked.
YAML = -l:libyaml.a
SECCOMP = -l:libseccomp.a
CRYPTO = -l:libcrypto.a

SYSLIBS_retort = -luv -lsqlite3 $(YAML) $(SECCOMP) -lcjson $(CRYPTO) -lpthread -lm
LIBS_retort-stage = $(call lib,stages) $(call lib,kinds) $(call lib,kernels) $(call lib,meter) $(call lib,base)
SYSLIBS_retort-stage = $(BLAS_LIBS) -lsleef $(YAML) -lcjson $(CRYPTO) -lpthread -lm

LIBS_retort-keeper = $(call lib,keeper) $(call lib,protocol) $(call lib,meter) $(call lib,base)
SYSLIBS_retort-keeper = -Wl,--as-needed $(SECCOMP) -lcjson $(CRYPTO) -lpthread -lm

all: $(BUILD)/retort $(BUILD)/retort-stage $(BUILD)/retort-keeper
	@[ $(BUILD) != build/release ] || ln -sf release/retort release/retort-stage release/retort-keeper build/

$(BUILD)/retort: $(BUILD)/engine/main.o $(LIBS_retort)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS_retort)

$(BUILD)/retort-stage: $(BUILD)/stages/main.o $(LIBS_retort-stage)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS_retort-stage)

$(BUILD)/retort-keeper: $(BUILD)/stages/keeper/main.o $(LIBS_retort-keeper)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS_retort-keeper)

define room_rule
$(call lib,$(1)): $(call objects,$(SRC_$(1)))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call room_rule,$(room))))

# No -ffast-math and no fused contraction behind the author's back: the bytes are part of the contract.
$(BUILD)/kernels/%.o: CFLAGS_ALL = -std=c11 $(WARNINGS) $(CFLAGS_$(CONFIG)) $(if $(filter release,$(CONFIG)),-O3) -ffp-contract=off -fno-math-errno $(CFLAGS)
ifeq ($(CONFIG),fuzz) # no parser is in the kernels, and clang does not take all of gcc's vector extensions, and warns of
WARNINGS = -w         # other things
$(BUILD)/kernels/%.o: CC = cc
$(BUILD)/kernels/%.o: CFLAGS_fuzz = -O2 -g
endif
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CJSON_CFLAGS) $(if $(filter kernels/% stages/% tests/%,$<),$(BLAS_CFLAGS)) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The compiler's dependency lists do not name embedded files.
$(BUILD)/engine/meter/data.o: $(wildcard engine/meter/data/*.json)
$(BUILD)/engine/report/kind_schema.o: engine/report/schema_frame.json

# Unit tests: tests/unit/<room>/<name>_test.c is a program of its own, linked with what that room may include.
TEST_LIBS_base = $(call lib,base)
TEST_LIBS_meter = $(call lib,meter) $(call lib,base)
TEST_LIBS_kinds = $(call lib,kinds) $(call lib,base)
TEST_LIBS_store = $(call lib,store) $(call lib,base)
TEST_LIBS_kernels = $(call lib,kernels)
TEST_LIBS_stages = $(LIBS_retort-stage)
TEST_LIBS_keeper = $(LIBS_retort-keeper)
TEST_LIBS_engine = $(LIBS_retort)
TEST_SYSLIBS_base = $(YAML) -lcjson $(CRYPTO) -lm
TEST_SYSLIBS_meter = $(TEST_SYSLIBS_base)
TEST_SYSLIBS_kinds = $(TEST_SYSLIBS_base)
TEST_SYSLIBS_store = -lsqlite3 $(TEST_SYSLIBS_base) -lpthread
TEST_SYSLIBS_kernels = $(subst $(BLAS_LIBS),$(BLAS_SHARED),$(SYSLIBS_retort-stage))
TEST_SYSLIBS_stages = $(TEST_SYSLIBS_kernels)
TEST_SYSLIBS_keeper = $(SYSLIBS_retort-keeper)
TEST_SYSLIBS_engine = $(SYSLIBS_retort)
$(addprefix $(BUILD)/tests/unit/engine/,provenance_test git_repository_test): TEST_SYSLIBS_engine += -lgit2
# -O1 compiles them in two thirds of the time.
$(BUILD)/tests/unit/%.o: CFLAGS_release = -O1 -g
UNIT_TESTS = $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*_test.c))

# A hundred programs: gold takes a third of the default linker's time for them.
TEST_LD := $(if $(shell command -v ld.gold),-fuse-ld=gold)

define unit_rule
$(BUILD)/tests/unit/$(1)/%_test: $(BUILD)/tests/unit/$(1)/%_test.o $(TEST_LIBS_$(1))
	$$(CC) $$(LDFLAGS_ALL) $$(TEST_LD) -o $$@ $$^ -lcmocka $$(TEST_SYSLIBS_$(1))
endef
$(foreach room,$(ROOMS),$(eval $(call unit_rule,$(room))))

# Faults: what is preloaded into the programs, and programs that damage a store and look at what it says.
FAULT_TESTS = $(addprefix $(BUILD)/tests/fault/,faultlib.so tracelib.so clocklib.so gatelib.so noexec.so rightslib.so mutate powercut escape denied)
# Fuzz targets, tests/fuzz/<target>.c: with CONFIG=fuzz libFuzzer's, else programs that take the files of a corpus
# again.
FUZZ_TARGETS = $(patsubst %.c,$(BUILD)/%,$(filter-out tests/fuzz/fuzz.c tests/fuzz/replay.c tests/fuzz/tree.c,$(wildcard tests/fuzz/*.c)))
FUZZ_MAIN = $(if $(filter fuzz,$(CONFIG)),-fsanitize=fuzzer,$(BUILD)/tests/fuzz/replay.o)
$(FUZZ_TARGETS): %: %.o $(BUILD)/tests/fuzz/fuzz.o $(BUILD)/tests/fuzz/tree.o $(filter %.o,$(FUZZ_MAIN)) $(call lib,engine) $(call lib,store) $(LIBS_retort-stage)
	$(CC) $(LDFLAGS_ALL) $(TEST_LD) $(filter -%,$(FUZZ_MAIN)) -o $@ $^ $(SYSLIBS_retort) $(TEST_SYSLIBS_stages)

unit-programs: $(UNIT_TESTS) $(FAULT_TESTS) $(FUZZ_TARGETS)
$(BUILD)/tests/%.so: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) -std=c11 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $(filter %.c,$^)
$(BUILD)/tests/fault/faultlib.so: $(wildcard tests/fault/faultlib_*.c) tests/fault/faultlib.h
$(BUILD)/tests/fault/escape $(BUILD)/tests/fault/denied: %: %.o
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SECCOMP)
$(BUILD)/tests/fault/mutate $(BUILD)/tests/fault/powercut: %: %.o $(BUILD)/tests/fault/workload.o $(call lib,store) $(call lib,base)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(TEST_SYSLIBS_store)

# ---- packages to install ----

BUILD_PACKAGES = gcc libc6-dev make git pkg-config libuv1-dev libcjson-dev libyaml-dev libseccomp-dev libgit2-dev libcurl4-openssl-dev libarchive-dev libsqlite3-dev \
	libopenblas-pthread-dev gfortran libsleef-dev librandom123-dev libssl-dev gnuplot-nox graphviz
# A server of the tests' own. Not where systemd would start Debian's: nobody wants to open his machine by testing.
SSH_SERVER = $(if $(wildcard /run/systemd/system),,openssh-server)
TEST_PACKAGES = libcmocka-dev python3 python3-jsonschema python3-yaml procps openssl openssh-client $(SSH_SERVER)
LINT_PACKAGES = clang-tidy clang clang-format cppcheck

# For tests/integration/crate.sh, where there are shapes to check with.
NPM_PACKAGES = shacl-engine@1.1.2 n3@2.13.12 jsonld@9.0.0 ro-crate@3.7.2
ROCRATE = $(or $(RETORT_ROCRATE),../shared/rocrate)

# Debian packages, as root or through sudo, after saying which; nothing when all are there.
define install
@missing=$$(for p in $(1); do dpkg-query -W -f='$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
if [ -n "$$missing" ]; then \
	echo "installing Debian packages:" $$missing; \
	if [ "$$(id -u)" = 0 ]; then as=; elif command -v sudo >/dev/null; then as=sudo; \
	else echo "please install them as root: apt-get install" $$missing >&2; exit 1; fi; \
	$$as apt-get update -q && \
	$$as env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -q -y --no-install-recommends $$missing; \
fi
endef

deps:
	$(call install,$(BUILD_PACKAGES))
test-deps: deps
	$(call install,$(TEST_PACKAGES))
	@[ -z "$(wildcard $(ROCRATE))" ] || [ -d build/npm/node_modules/shacl-engine ] || ! command -v npm >/dev/null || \
		npm install --silent --no-audit --no-fund --no-save --prefix build/npm $(NPM_PACKAGES) || \
		echo "npm cannot install $(NPM_PACKAGES): the test that needs them will be skipped" >&2
lint-deps: test-deps
	$(call install,$(LINT_PACKAGES))

# ---- the study ----

JOBS ?= $(shell nproc)

study: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	build/retort run pipelines/deeprx-kd-smoke.json

# The tables and pictures of pipelines/RESULTS.md: the laptop study and its trials, about two hours on two cores.
# Nothing is done twice.
RESULTS = figure-3.svg figure-4.svg figure-5.svg figure-6.svg finite.svg sizes.md scratch.md teachers.md table-iii.md \
	readings.md temperatures.md receivers.md gain-1e-1.md gain-1e-2.md gain-1e-3.md distance-1e-1.md distance-1e-2.md \
	finite.md amortization.md amortization-own.md figure-2.csv figure-6.csv
results: deps
	@$(MAKE) --no-print-directory -j$(JOBS) all
	build/retort run pipelines/deeprx-kd-laptop.json
	build/retort run pipelines/deeprx-trials.json
	mkdir -p pipelines/measured
	cd results/deeprx-kd-laptop && cp $(RESULTS) ../../pipelines/measured/
	cp results/deeprx-trials/trials.md results/deeprx-trials/balance.md pipelines/measured/
	cp results/deeprx-kd-laptop.energy.md results/deeprx-kd-laptop.energy.csv pipelines/measured/
	cd results && sha256sum deeprx-kd-laptop/* deeprx-trials/* >../pipelines/measured/SHA256SUMS

# ---- tests ----

# A test is a target, and its prerequisites are the programs that it runs. TESTS holds words: make builds and runs the
# tests whose path holds one of them.
SCRIPTS = $(wildcard tests/integration/*.sh tests/ports/*.sh)
PEER_SCRIPTS = $(wildcard tests/peers/*.sh)
PROGRAM_RUNNERS = $(patsubst %.c,$(BUILD)/%,$(shell grep -lE "stage_program.h|executor_fixture.h|keeper/fixture.h" tests/unit/*/*_test.c))
$(SCRIPTS) $(PEER_SCRIPTS) $(PROGRAM_RUNNERS): | all
# Goals, since make does not make a prerequisite by an implicit rule for a script that is there already.
needs = $(if $(filter tests/integration/%,$(1)),$(FAULT_TESTS)) $(if $(filter %/fuzz.sh,$(1)),$(FUZZ_TARGETS)) \
	$(if $(filter %/overlay.sh,$(1)),$(BUILD)/tests/unit/store/file_memory_test) \
	$(if $(filter tests/peers/%,$(1)),$(BUILD)/tests/peers/gradients)
chosen = $(foreach test,$(1),$(if $(strip $(if $(TESTS),$(foreach word,$(TESTS),$(findstring $(word),$(test))),all)),$(test)))
goals = $(call chosen,$(1)) $(call needs,$(call chosen,$(1)))

test: test-deps
	@$(MAKE) --no-print-directory -j$(JOBS) $(call goals,$(UNIT_TESTS) $(SCRIPTS))
	@BUILD=$(BUILD) tests/run -j $(JOBS) $(TESTS)

# The tests, and comparisons with real peers, which are installed first (PyTorch: about 200 MB).
PEER_PACKAGES = python3-torch python3-numpy
test-all: test-deps
	$(call install,$(PEER_PACKAGES))
	@$(MAKE) --no-print-directory -j$(JOBS) $(call goals,$(UNIT_TESTS) $(SCRIPTS) $(PEER_SCRIPTS))
	@PEERS=1 BUILD=$(BUILD) tests/run -j $(JOBS) $(TESTS)
$(BUILD)/tests/peers/gradients: $(BUILD)/tests/peers/gradients.o $(LIBS_retort-stage)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS_retort-stage)

asan tsan:
	@$(MAKE) --no-print-directory CONFIG=$@ test

# A bare Debian 12, made from this machine's own package sources; the repository is cloned into it and the README's
# two commands run there.
fresh:
	@tests/fresh

C_FILES = find engine kernels stages store tests -name '*.[ch]'

# One process a file: for a second file in a process clang-tidy takes every va_list for uninitialised.
lint: lint-deps
	@$(MAKE) --no-print-directory check-includes check-headers check-benches check-format check-words
	@$(MAKE) --no-print-directory -s -j$(JOBS) check-calls
	@printf '%s\n' $(wildcard $(LINT_SOURCES)) | xargs -P $(JOBS) -n 1 sh -c \
		'clang-tidy --quiet "$$@" -- -std=c11 $(CPPFLAGS_ALL) $(CJSON_CFLAGS) $(BLAS_CFLAGS) 2>/dev/null' clang-tidy
	@cppcheck --quiet -j $(JOBS) --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingIncludeSystem -I. $(CJSON_CFLAGS) -D_GNU_SOURCE -D__x86_64__ engine store stages kernels
LINT_SOURCES = engine/*.c engine/*/*.c store/*.c stages/*.c stages/*/*.c kernels/*.c kernels/*/*.c

# Checks that rooms include only the rooms that they may.
check-includes:
	@tests/check-includes

# Circles of calls between files, found in the objects; tests/call-circles holds those that may be.
check-calls: $(foreach room,$(ROOMS),$(call objects,$(SRC_$(room)))) $(call objects,engine/main.c stages/main.c stages/keeper/main.c)
	@BUILD=$(BUILD) tests/check-calls

# Sentences that are hard to read, in comments, pages and check names: tests/word-counts says how many there may be.
check-words:
	@tests/check-words

# Every header compiles alone, but for the bodies that a file includes once for each instruction set.
check-headers:
	@$(C_FILES) | grep '\.h$$' | grep -v '_body\.h$$' | xargs -P $(JOBS) -n 16 \
		$(CC) -std=c11 -Wall -Wextra -Werror $(CPPFLAGS_ALL) $(CJSON_CFLAGS) $(BLAS_CFLAGS) -fsyntax-only -x c

# Benchmarks are built only when somebody measures: here they must at least compile.
check-benches:
	@find tests/bench -name '*.c' | xargs -P $(JOBS) -n 1 \
		$(CC) -std=c11 -Wall -Wextra -Werror $(CPPFLAGS_ALL) $(CJSON_CFLAGS) $(BLAS_CFLAGS) -fsyntax-only

check-format:
	@$(C_FILES) | xargs -P $(JOBS) -n 16 clang-format --dry-run -Werror

format:
	@$(C_FILES) | xargs clang-format -i

# Texts made from the programs' own tables.
docs: all
	$(BUILD)/retort kinds --reference > stages/kinds/REFERENCE.md
	$(BUILD)/retort kinds --schema > pipelines/schema/pipeline-1.schema.json

# Bytes that break a parser are looked for, FUZZ_SECONDS for each target; what is found is kept in build/fuzz.
fuzz: test-deps
	$(call install,clang)
	@$(MAKE) --no-print-directory -j$(JOBS) CONFIG=fuzz fuzz-programs
	@tests/fuzz/run
fuzz-programs: $(FUZZ_TARGETS)

# Every fault at every place, 100,000 mutations, 50,000 power cuts: hours; SHARD=i/n runs a part, and what was done is
# not done again.
soak: test-deps
	@$(MAKE) --no-print-directory -j$(JOBS) all $(FAULT_TESTS)
	@BUILD=$(BUILD) tests/fault/soak

# PEERS=1 installs what is compared with first, as test-all does.
bench: deps
	$(if $(PEERS),$(call install,$(PEER_PACKAGES)))
	@$(MAKE) --no-print-directory -j$(JOBS) all $(BENCHES)
	@for b in $(BENCHES); do echo "== $${b##*/}"; $$b || exit 1; echo; done
BENCHES = $(patsubst tests/bench/%.c,$(BUILD)/tests/bench/%,$(wildcard tests/bench/*_bench.c))
BENCH_SHARED = $(call objects,$(filter-out %_bench.c,$(wildcard tests/bench/*.c)))
$(BUILD)/tests/bench/%_bench: $(BUILD)/tests/bench/%_bench.o $(BENCH_SHARED) $(call lib,engine) $(call lib,store) $(LIBS_retort-stage)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SYSLIBS_retort) $(SYSLIBS_retort-stage)
# These stand between the network or a stage and what it calls, and time it.
wrap = $(foreach f,$(1),-Wl,--wrap=$(f))
$(BUILD)/tests/bench/operator_bench: LDFLAGS_ALL += $(call wrap,backend_cpu)
$(BUILD)/tests/bench/stage_bench: LDFLAGS_ALL += $(call wrap,link_generate link_labels deeprx_train_step train_checkpoint_save)

# The engine beside its peers: tests/bench/README.md. PEERS=1 installs those that this Debian has.
ENGINE_PEERS = ninja-build openssl strace snakemake $(shell apt-cache pkgnames samurai 2>/dev/null | grep -x samurai)
ENGINE_BENCH = $(addprefix $(BUILD)/tests/bench/engine/,measure spawn fill)
bench-engine: deps
	$(if $(PEERS),$(call install,$(ENGINE_PEERS)))
	@$(MAKE) --no-print-directory -j$(JOBS) all $(ENGINE_BENCH)
	@BUILD=$(BUILD) tests/bench/engine/bench
# Instructions a stage may not move by more than 10 %; tests/bench/instructions --renew writes what is compared with.
check-instructions: deps
	$(call install,valgrind)
	@$(MAKE) --no-print-directory -j$(JOBS) all $(BUILD)/tests/bench/engine/pidfd.so
	@BUILD=$(BUILD) tests/bench/instructions
$(ENGINE_BENCH): %: %.o
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(if $(filter %/fill,$@),$(TEST_SYSLIBS_store))
$(BUILD)/tests/bench/engine/fill: $(call lib,store) $(call lib,base)

# ---- install ----

PREFIX ?= /usr/local
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install build/retort build/retort-stage build/retort-keeper $(DESTDIR)$(PREFIX)/bin
	build/retort --man > $(DESTDIR)$(PREFIX)/share/man/man1/retort.1
	for c in $$(build/retort --help | sed -n '/^commands:/,/^$$/s/^  \([a-z]*\) .*/\1/p'); do \
		build/retort --man $$c > $(DESTDIR)$(PREFIX)/share/man/man1/retort-$$c.1; done
	build/retort --completion > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/retort

help:
	@sed -n '3,7s/^# \{0,1\}//p' Makefile
	@echo "  make test-all       the tests, and comparisons with PyTorch, which is installed"
	@echo "  make asan | tsan    the tests under the sanitizers"
	@echo "  make lint           include rule, headers alone, format, hard sentences, circles of calls, clang-tidy, cppcheck"
	@echo "  make format         lays out every C file as .clang-format says"
	@echo "  make fresh          both commands in a bare Debian 12 (needs root; about ten minutes)"
	@echo "  make soak           every fault at every place (hours; SHARD=i/n for a part; goes on where it was)"
	@echo "  make fuzz           bytes that break a parser are looked for (FUZZ_SECONDS=60 for each)"
	@echo "  make results        the laptop study and its trials, for pipelines/RESULTS.md (hours)"
	@echo "  make bench          how fast things are (about four minutes; PEERS=1: beside PyTorch, which is installed)"
	@echo "  make bench-engine   the engine beside ninja, make, samurai and Snakemake (about 20 minutes; PEERS=1 installs them)"
	@echo "  make check-instructions  instructions a stage, by callgrind, held against what was recorded (a minute)"
	@echo "  make docs           the kinds' reference page and the JSON Schema"
	@echo "  make install        PREFIX=/usr/local"

clean:
	rm -rf build

.SECONDARY:
.PHONY: results fuzz fuzz-programs soak test-all all unit-programs deps test-deps lint-deps study test asan tsan fresh lint check-includes check-calls check-words check-headers check-benches check-format format docs bench bench-engine check-instructions install help clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
