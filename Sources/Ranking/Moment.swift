internal import PureSupport

/// An instant as nanoseconds since the ranking began: one word, so that comparing and storing it is cheap.
struct Moment: Comparable, Sendable {
    var nanoseconds: Int64

    static let never = Moment(nanoseconds: .max)

    static func < (left: Moment, right: Moment) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    static func + (moment: Moment, interval: Duration) -> Moment {
        let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(interval.wholeNanoseconds)
        return overflow ? .never : Moment(nanoseconds: sum)
    }

    func seconds(since earlier: Moment) -> Double {
        Double(nanoseconds - earlier.nanoseconds) * 1e-9
    }
}
