"""First names with the gender that they mostly have, and short forms of them."""

from __future__ import annotations

from app.people.words import words

MEN = words(
    "Alexandre André Rodger Roy Solomon Luis Manuel Miguel Pablo Pedro Carlos Diego Ramon Ross "
    "Ahmed Ali Omar Hassan Ibrahim Yusuf Sergei Nikolai Piotr Igor Oleg Sasha Lars Sven Olaf Erik "
    "Wolfgang Heinrich Friedrich Wilhelm Johann Ludwig Otto Emil Émile René Marcel Gaston Lucien "
    "Aaron Abel Abraham Adam Adolphus Adrian Alan Albert Alec Alexander Alexey Alfred Algernon "
    "Allan Allen Alphonse Ambrose Amos Andrew Andy Anthony Antoine Antonio Archibald Archie "
    "Arthur Augustus Barnaby Bartholomew Basil Ben Benjamin Bernard Bertie Bertram Bill Billy Bob "
    "Boris Caleb Calvin Carl Cecil Charles Charley Charlie Chris Christopher Clarence Claude "
    "Clement Clifford Colin Conrad Cyril Daniel Dan Dave David Dennis Dick Dmitri Donald Douglas "
    "Duncan Ebenezer Edgar Edmund Edward Edwin Eli Elijah Enoch Ephraim Eric Ernest Eugene Ezra "
    "Felix Ferdinand Fergus Francis Frank Franz Fred Frederic Frederick Fritz Gabriel Geoffrey "
    "George Gerald Gilbert Giles Giovanni Godfrey Gordon Graham Gregory Gustave Guy Hamish Hans "
    "Harold Harry Harvey Hector Henri Henry Herbert Hercule Herman Hermann Horace Howard Hubert "
    "Hugh Hugo Humphrey Ian Ichabod Isaac Israel Ivan Jack Jacob Jacques Jake James Jamie Jasper "
    "Jean Jeff Jeremiah Jeremy Jerome Jerry Jesse Jim Jimmy Joe Joel John Johnny Jonas Jonathan "
    "José Joseph Joshua Juan Jude Jules Julian Julius Karl Ken Kenneth Lancelot Laurence Lawrence "
    "Leo Leon Leonard Leopold Leslie Lewis Lionel Lorenzo Louis Luke Malcolm Marcus Mark Martin "
    "Matthew Maurice Max Maximilian Michael Mike Miles Montague Mortimer Moses Nathan Nathaniel "
    "Ned Neil Nicholas Nick Nigel Noah Norman Oliver Orlando Oscar Oswald Otto Owen Patrick Paul "
    "Percival Percy Peter Philip Phil Pierre Piers Ralph Randolph Raoul Raymond Reginald Reuben "
    "Richard Rick Robert Robin Roderick Rodolphe Rodney Roger Roland Rolf Ronald Rudolf Rudolph "
    "Rufus Rupert Sam Samson Samuel Saul Sebastian Seth Sherlock Sidney Sigmund Silas Silvester "
    "Simeon Simon Stanley Stephen Steve Steven Sydney Ted Terence Theobald Theodore Thomas "
    "Timothy Tito Tobias Toby Tom Tommy Tony Valentine Victor Vincent Virgil Walter Warren Wat "
    "Wilfred Wilfrid Will William Willie Willy Zachary"
)
WOMEN = words(
    "Lucie Aurelia Sallie Estelle Louisette Yvonne Odette Thérèse Hélène Ingrid Astrid Sigrid "
    "Natasha Tatiana Katya Sofia Irina Fatima Leila Carmen Dolores Rosita Consuelo Beth Peggy Sue "
    "Abigail Ada Adela Adelaide Adele Adeline Agatha Agnes Alberta Alice Amanda Amelia Amy "
    "Angela Angelica Angelina Anna Annabel Annabella Anne Ann Annette Annie Antoinette Antonia "
    "Arabella Augusta Barbara Beatrice Becky Belinda Bella Bertha Bess Bessie Bessy Betsy Betty "
    "Blanche Bridget Camilla Carlotta Carmilla Carol Caroline Carrie Catherine Cecilia Celia "
    "Charlotte Chloe Christina Christine Clara Clarissa Claudia Constance Cora Cordelia Cornelia "
    "Cynthia Daisy Deborah Delia Diana Dinah Dolly Dora Doris Dorothea Dorothy Edith Edna Effie "
    "Eleanor Elena Elfrida Eliza Elizabeth Ella Ellen Elsie Emily Emma Emmeline Esmeralda Estella "
    "Esther Ethel Eugenia Eva Evelina Evelyn Fanny Felicity Flora Florence Frances Genevieve "
    "Georgiana Georgina Gertrude Grace Greta Gwendolen Hannah Harriet Hattie Helen Helena "
    "Henrietta Hester Hetty Hilda Ida Ilse Imogen Inez Irene Isabel Isabella Ivy Jane Janet Jean "
    "Jeanne Jemima Jennie Jenny Jessica Jessie Jo Joan Josephine Josie Joyce Judith Judy Julia "
    "Juliana Juliet Kate Katharine Katherine Kathleen Katie Kitty Laura Lavinia Lena Letty "
    "Lilian Lillian Lily Lizzie Lizzy Lola Louisa Louise Lucia Lucilla Lucinda Lucy Lydia Mabel "
    "Madeleine Madeline Madge Maggie Magdalen Margaret Margery Maria Marian Marianne Marie "
    "Marilla Marion Marjorie Martha Mary Matilda Maud Maude May Meg Melissa Mildred Milicent "
    "Millicent Milly Mina Minerva Minnie Miranda Miriam Molly Monica Muriel Myra Nan Nancy "
    "Natalia Nell Nellie Nelly Nora Octavia Olga Olive Olivia Ophelia Pamela Patience Patty "
    "Pauline Penelope Phoebe Phyllis Polly Priscilla Prudence Rachel Rebecca Rhoda Rosa Rosalie "
    "Rosalind Rosamond Rose Rosie Roxana Ruby Ruth Sally Sarah Selina Sibyl Sonia Sophia Sophie "
    "Stella Susan Susanna Susannah Susie Sybil Sylvia Teresa Tess Theodora Theresa Thomasin Ursula "
    "Valeria Vera Veronica Victoria Viola Violet Virginia Volumnia Wilhelmina Winifred "
    "Zoe"
)
FIRST_NAMES = MEN | WOMEN

SHORT_FORMS = {
    short: words(names)
    for short, names in {
        "Abby": "Abigail",
        "Alec": "Alexander",
        "Andy": "Andrew",
        "Archie": "Archibald",
        "Becky": "Rebecca",
        "Ben": "Benjamin",
        "Bess": "Elizabeth",
        "Bessie": "Elizabeth",
        "Betsy": "Elizabeth",
        "Betty": "Elizabeth",
        "Bill": "William",
        "Billy": "William",
        "Bob": "Robert",
        "Bobby": "Robert",
        "Caddy": "Caroline",
        "Carrie": "Caroline",
        "Charley": "Charles Charlotte",
        "Charlie": "Charles",
        "Dan": "Daniel",
        "Dick": "Richard",
        "Dolly": "Dorothy Dorothea",
        "Eliza": "Elizabeth",
        "Evie": "Evelyn",
        "Fred": "Frederick Frederic",
        "Hal": "Henry",
        "Harry": "Henry Harold",
        "Hetty": "Hester Henrietta",
        "Jack": "John",
        "Jamie": "James",
        "Jerry": "Jeremiah Jerome Gerald",
        "Jem": "James Jeremy",
        "Jenny": "Jane Janet",
        "Jim": "James",
        "Jimmy": "James",
        "Jo": "Josephine",
        "Joe": "Joseph",
        "Johnny": "John",
        "Kate": "Catherine Katherine Katharine",
        "Kitty": "Catherine Katherine",
        "Lizzie": "Elizabeth",
        "Lizzy": "Elizabeth",
        "Lottie": "Charlotte",
        "Madge": "Margaret",
        "Maggie": "Margaret",
        "Meg": "Margaret",
        "Milly": "Milicent Millicent Mildred",
        "Molly": "Mary",
        "Nan": "Anne Ann Nancy",
        "Ned": "Edward",
        "Nell": "Ellen Eleanor Helen",
        "Nelly": "Ellen Eleanor Helen",
        "Nick": "Nicholas",
        "Patty": "Martha Patience",
        "Phil": "Philip",
        "Polly": "Mary",
        "Rick": "Richard",
        "Sally": "Sarah",
        "Sam": "Samuel",
        "Susie": "Susan",
        "Ted": "Edward Theodore",
        "Teddy": "Edward Theodore",
        "Tom": "Thomas",
        "Tommy": "Thomas",
        "Tony": "Anthony",
        "Will": "William",
        "Willie": "William",
    }.items()
}
"""The first names that a short form may stand for."""


def gender_of(first: str) -> str:
    """ "m" or "f" for a first name that is mostly a man's or a woman's, else ""."""
    man, woman = first in MEN, first in WOMEN
    return "" if man == woman else "m" if man else "f"
