package annulus;

import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** {@link SelfTest}, for whoever builds with Maven. */
class RingTest {
    @TestFactory
    Stream<DynamicTest> all() {
        return SelfTest.cases().entrySet().stream().map(e -> DynamicTest.dynamicTest(e.getKey(), e.getValue()::run));
    }
}
