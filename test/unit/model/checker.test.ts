/** Runs the checker's own tests in the unit lane, which looks for tests below test/unit alone. */
import '../../checker/checks.test.ts';
import '../../checker/mutations.test.ts';
