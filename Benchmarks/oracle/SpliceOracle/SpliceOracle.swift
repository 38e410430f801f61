import YAMLDocument

/// The editor's side of the check: makes documents and edits, and writes what came out as JSON lines for
/// `splice_oracle.py` to judge.
///
/// usage: `SpliceOracle cases SEED COUNT | corpus SEED | sample ENDPOINTS | time FILE RUNS`
@main enum SpliceOracle {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let numbers = arguments.dropFirst().compactMap { UInt64($0) }
        switch arguments.first {
        case "cases" where numbers.count == 2:
            GeneratedCases(seed: numbers[0]).write(count: Int(numbers[1]))
        case "corpus" where numbers.count == 1:
            CorpusCheck(seed: numbers[0]).run()
        case "sample" where numbers.count == 1:
            var output = Output()
            output.write(SampleConfiguration.text(endpoints: Int(numbers[0])))
        case "time" where arguments.count == 3 && numbers.count == 1:
            EditTiming.run(path: Array(arguments)[1], runs: Int(numbers[0]))
        default:
            var output = Output(descriptor: 2)
            output.write("usage: SpliceOracle cases SEED COUNT | corpus SEED | sample ENDPOINTS | time FILE RUNS\n")
        }
    }
}
