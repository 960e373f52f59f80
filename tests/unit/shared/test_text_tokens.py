"""Tokens of texts in many scripts, against what tokenizers make of them."""

import pytest

from shared.routing.text_tokens import text_tokens

COUNTED = {
    "german": (
        67,
        82,
        "Guten Tag und vielen Dank für Ihren Anruf. Ich verstehe, dass Ihre Bestellung verspätet "
        "angekommen ist und zwei der Artikel beschädigt waren. Könnten Sie mir bitte sagen, wann "
        "das Paket geliefert wurde und ob der Karton geöffnet war? Wenn Sie die Rechnung noch hab"
        "en, können wir das in wenigen Minuten klären.",
    ),
    "french": (
        64,
        75,
        "Bonjour et merci de votre appel. Je comprends que votre commande est arrivée en retard e"
        "t que deux des articles étaient endommagés. Pourriez-vous me dire à quel moment le colis"
        " a été livré et si la boîte avait été ouverte ? Si vous avez gardé le reçu, nous réglero"
        "ns cela en quelques minutes.",
    ),
    "spanish": (
        67,
        85,
        "Buenas tardes y gracias por llamar. Entiendo que su pedido llegó tarde y que dos de los "
        "artículos estaban dañados. ¿Podría decirme cuándo se entregó el paquete y si la caja hab"
        "ía sido abierta? Si todavía tiene el recibo, lo solucionaremos en unos minutos y le envi"
        "aremos la confirmación por correo electrónico.",
    ),
    "polish": (
        88,
        107,
        "Dzień dobry i dziękuję za telefon. Rozumiem, że Pańskie zamówienie dotarło z opóźnieniem"
        " i że dwa artykuły były uszkodzone. Czy mógłby mi Pan powiedzieć, kiedy dostarczono pacz"
        "kę i czy pudełko było otwarte? Jeśli nadal ma Pan paragon, załatwimy to w ciągu kilku mi"
        "nut.",
    ),
    "czech": (
        82,
        116,
        "Dobrý den a děkujeme za zavolání. Chápu, že vaše objednávka dorazila pozdě a že dvě polo"
        "žky byly poškozené. Mohl byste mi prosím říct, kdy byl balík doručen a jestli byla krabi"
        "ce otevřená? Pokud máte ještě účtenku, vyřešíme to během několika minut.",
    ),
    "turkish": (
        70,
        112,
        "İyi günler, aradığınız için teşekkür ederim. Siparişinizin geç geldiğini ve ürünlerden i"
        "kisinin hasarlı olduğunu anlıyorum. Paketin ne zaman teslim edildiğini ve kutunun açılmı"
        "ş olup olmadığını söyleyebilir misiniz? Fişiniz hâlâ sizdeyse bunu birkaç dakika içinde "
        "çözebiliriz.",
    ),
    "vietnamese": (
        76,
        131,
        "Xin chào và cảm ơn quý khách đã gọi điện. Tôi hiểu rằng đơn hàng của quý khách đến muộn "
        "và hai sản phẩm bị hư hỏng. Quý khách có thể cho tôi biết gói hàng được giao khi nào và "
        "hộp đã bị mở hay chưa? Nếu vẫn còn hóa đơn, chúng ta có thể giải quyết việc này trong và"
        "i phút.",
    ),
    "russian": (
        69,
        117,
        "Добрый день, спасибо за звонок. Я понимаю, что ваш заказ пришёл с опозданием и что два т"
        "овара были повреждены. Не могли бы вы сказать, когда доставили посылку и была ли коробка"
        " вскрыта? Если у вас сохранился чек, мы обычно решаем такой вопрос за несколько минут.",
    ),
    "ukrainian": (
        86,
        150,
        "Добрий день, дякую за дзвінок. Я розумію, що ваше замовлення надійшло із запізненням і щ"
        "о два товари були пошкоджені. Чи могли б ви сказати, коли доставили посилку і чи була ко"
        "робка відкрита? Якщо у вас зберігся чек, ми вирішимо це за кілька хвилин.",
    ),
    "greek": (
        99,
        233,
        "Καλησπέρα και ευχαριστούμε που καλέσατε. Καταλαβαίνω ότι η παραγγελία σας έφτασε αργά κα"
        "ι ότι δύο από τα προϊόντα ήταν κατεστραμμένα. Μπορείτε να μου πείτε πότε παραδόθηκε το δ"
        "έμα και αν το κουτί είχε ανοιχτεί; Αν έχετε ακόμη την απόδειξη, θα το λύσουμε σε λίγα λε"
        "πτά.",
    ),
    "hebrew": (
        70,
        186,
        "שלום ותודה שהתקשרת. אני מבין שההזמנה שלך הגיעה באיחור ושניים מהפריטים היו פגומים. האם תו"
        "כל לומר לי מתי נמסרה החבילה והאם הקופסה נפתחה? אם עדיין יש לך את הקבלה, נוכל לפתור את זה"
        " תוך כמה דקות.",
    ),
    "arabic": (
        72,
        154,
        "مساء الخير وشكرا لاتصالك. أفهم أن طلبك وصل متأخرا وأن اثنين من المنتجات كانا تالفين. هل "
        "يمكنك أن تخبرني متى تم تسليم الطرد وما إذا كان الصندوق مفتوحا؟ إذا كان لديك الإيصال، فيم"
        "كننا عادة حل هذا الأمر خلال بضع دقائق.",
    ),
    "persian": (
        72,
        172,
        "عصر بخیر و از تماس شما متشکرم. متوجه هستم که سفارش شما دیر رسیده و دو مورد از کالاها آسی"
        "ب دیده بودند. آیا می‌توانید بگویید بسته چه زمانی تحویل داده شد و آیا جعبه باز شده بود؟ ا"
        "گر هنوز رسید را دارید، این موضوع را در چند دقیقه حل می‌کنیم.",
    ),
    "hindi": (
        76,
        225,
        "नमस्ते, कॉल करने के लिए धन्यवाद। मैं समझता हूँ कि आपका ऑर्डर देर से पहुँचा और दो सामान ट"
        "ूटे हुए थे। क्या आप बता सकते हैं कि पैकेट कब मिला और क्या डिब्बा खुला हुआ था? अगर आपके प"
        "ास रसीद है तो हम इसे कुछ ही मिनटों में सुलझा सकते हैं।",
    ),
    "bengali": (
        80,
        282,
        "শুভ অপরাহ্ন, ফোন করার জন্য ধন্যবাদ। আমি বুঝতে পারছি যে আপনার অর্ডার দেরিতে পৌঁছেছে এবং দ"
        "ুটি পণ্য ক্ষতিগ্রস্ত ছিল। আপনি কি বলতে পারেন কখন প্যাকেটটি পৌঁছেছে এবং বাক্সটি খোলা ছিল "
        "কিনা? রসিদ থাকলে আমরা কয়েক মিনিটে এটি সমাধান করতে পারি।",
    ),
    "tamil": (
        74,
        309,
        "வணக்கம், அழைத்ததற்கு நன்றி. உங்கள் ஆர்டர் தாமதமாக வந்தது என்பதையும் இரண்டு பொருட்கள் சேத"
        "மடைந்திருந்தன என்பதையும் புரிந்துகொள்கிறேன். பார்சல் எப்போது வந்தது என்று சொல்ல முடியுமா"
        "? ரசீது இருந்தால் சில நிமிடங்களில் இதை தீர்க்கலாம்.",
    ),
    "thai": (
        94,
        211,
        "สวัสดีค่ะ ขอบคุณที่โทรมา ดิฉันเข้าใจว่าคำสั่งซื้อของคุณมาถึงล่าช้าและสินค้าสองชิ้นได้รับ"
        "ความเสียหาย ช่วยบอกได้ไหมคะว่าพัสดุถูกส่งเมื่อไร และกล่องถูกเปิดแล้วหรือยัง หากยังมีใบเส"
        "ร็จอยู่ เราสามารถจัดการเรื่องนี้ได้ภายในไม่กี่นาที",
    ),
    "chinese": (
        69,
        107,
        "下午好，感谢您的来电。我了解到您的订单送达较晚，而且其中两件商品已经损坏。在讨论退款之前"
        "，能否请您告诉我包裹是什么时候送到的，箱子是否被打开过？如果您还保留着收据，我们通常可以"
        "在几分钟内解决这个问题。",
    ),
    "traditional": (
        85,
        140,
        "下午好，感謝您的來電。我了解到您的訂單送達較晚，而且其中兩件商品已經損壞。在討論退款之前"
        "，能否請您告訴我包裹是什麼時候送到的，箱子是否被打開過？如果您還保留著收據，我們通常可以"
        "在幾分鐘內解決這個問題。",
    ),
    "japanese": (
        87,
        127,
        "お電話ありがとうございます。ご注文の商品が遅れて届き、そのうち二点が破損していたとのこと"
        "、誠に申し訳ございません。返金についてお話しする前に、荷物がいつ届いたか、箱が開いていた"
        "かどうかを教えていただけますか。領収書をお持ちでしたら、数分で解決できます。",
    ),
    "korean": (
        84,
        141,
        "안녕하세요, 전화해 주셔서 감사합니다. 주문하신 상품이 늦게 도착했고 그중 두 "
        "개가 파손되었다는 점을 이해합니다. 환불에 대해 말씀드리기 전에 소포가 언제 배"
        "달되었는지, 상자가 열려 있었는지 알려 주시겠어요?"
        " 영수증이 있으시면 몇 분 안에 해결할 수 있습니다.",
    ),
    "emoji": (
        37,
        42,
        "Great news! 🎉 Your order is on its way 🚚 and should arrive tomorrow ☀️. Thanks for waiti"
        "ng 🙏😊 — reply “yes” if that’s OK 👍",
    ),
}
"""A text, and its tokens in the vocabularies o200k and cl100k."""


@pytest.mark.parametrize("language", COUNTED)
def test_the_estimate_is_within_fifteen_per_cent_of_the_mean_of_two_vocabularies(language: str) -> None:
    new, former, text = COUNTED[language]
    assert text_tokens(text) / (new * former) ** 0.5 == pytest.approx(1, abs=0.15)


def test_ascii_has_four_characters_a_token_rounded_up() -> None:
    assert [text_tokens(text) for text in ("", "a", "abcd", "abcde", "x" * 400)] == [0, 1, 1, 2, 100]


def test_one_letter_of_another_script_changes_its_own_part_alone() -> None:
    assert 100 <= text_tokens("x" * 400 + "é") <= 101
    assert text_tokens("x" * 400 + "\u4f60" * 100) == 192


def test_half_a_character_is_counted_too() -> None:
    assert text_tokens("\ud83d") == 1


def test_scripts_stand_in_their_order() -> None:
    english, russian, hindi, chinese = ("a" * 100, "\u0434" * 100, "\u0915" * 100, "\u4f60" * 100)
    assert text_tokens(english) < text_tokens(russian) < text_tokens(hindi) < text_tokens(chinese) <= 100
